"""A check that cannot fail says nothing: each planted bug must be caught by its contract, and by the right one."""

from functools import partial

import pytest

from modalities.types import SECOND
from tests import planted, toys
from tests.checks import cues, fusions, heads, mappings, modalities, timelines
from tests.films import film
from tests.makers import WIDTH, make_head, modality_over_toys

FILM = film(5.6)


def mapping(kind):
    def make(pairs, spoken=False, spoken_share=0.5):
        settings = {"pairs": dict(pairs), "spoken": spoken, "spoken_share": spoken_share}
        return kind(kind.Config.model_validate(settings))

    return make


def fusion(kind):
    return lambda speaks: toys.randomise(kind(fusions.configure(kind, speaks)))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (planted.SwappedLabels, mappings.check_a_compound_of_two_equal_parts_wins),
        (planted.SwappedLabels, mappings.check_unsaid_parts_make_it_unsaid),
        (planted.SilentPartsCount, mappings.check_unsaid_parts_make_it_unsaid),
        (planted.UnspokenCompoundIsZero, mappings.check_compound_that_members_do_not_speak_is_not_zero),
    ],
)
def test_a_wrong_mapping_is_caught(kind, check):
    with pytest.raises(AssertionError):
        check(mapping(kind))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (planted.AbsentCounts, fusions.check_absent_member_never_counts),
        (planted.AbsentIsZero, fusions.check_equal_opinions_stay),
        (planted.UnspokenIsZero, fusions.check_unspoken_class_is_not_zero),
        (planted.SilentRowSpoils, fusions.check_silent_row_does_not_spoil_a_gradient),
        (planted.LooksAtAbsentFeatures, fusions.check_absent_member_never_counts),
        (planted.BelievesAbsentDoubts, fusions.check_absent_member_never_counts),
        (planted.LooksAround, fusions.check_segments_are_fused_each_for_itself),
    ],
)
def test_a_wrong_fusion_is_caught(kind, check):
    with pytest.raises(AssertionError):
        check(fusion(kind))


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (planted.LastSegmentWins, timelines.check_overlap_is_averaged),
        (planted.RowsByNumber, timelines.check_rows_follow_presentation_times),
    ],
)
def test_a_wrong_timeline_is_caught(kind, check):
    with pytest.raises(AssertionError):
        check(kind)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (planted.CountsPadding, heads.check_padding_changes_nothing),
        (planted.BelievesInPrefixes, heads.check_masked_steps_never_matter),
        (planted.BelievesInPrefixes, heads.check_every_step_matters),
        (planted.MultipliesByMask, heads.check_masked_steps_never_matter),
        (planted.PoolsToNothing, heads.check_nothing_gets_finite_fillers),
        (planted.PoolsToNothing, heads.check_gradient_survives_a_row_without_steps),
    ],
)
def test_a_wrong_head_is_caught(kind, check):
    with pytest.raises(AssertionError):
        check(partial(make_head, f"tests.planted:{kind.__name__}"), heads.Batch.draw(WIDTH))


def test_a_hole_in_the_middle_is_needed_to_see_it():
    """Without holes the bug is invisible: so the contract must have them."""
    batch, make = heads.Batch.draw(WIDTH), partial(make_head, "tests.planted:BelievesInPrefixes")
    at_the_end = batch.take([0, 1])
    heads.check_masked_steps_never_matter(make, at_the_end)
    with pytest.raises(AssertionError):
        heads.check_masked_steps_never_matter(make, batch.take([3]))


def test_presentation_times_replaced_by_numbers_are_caught():
    _, subject = modality_over_toys("face")
    settings = planted.StepsByNumber.Config.model_validate({"encoder": {"kind": "tests.toys:Shapes"}})
    with pytest.raises(AssertionError):
        modalities.check_steps_carry_presentation_times(lambda: planted.StepsByNumber(settings), subject)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (planted.Forgetful, cues.check_does_not_depend_on_the_length_of_stretches),
        (planted.Hoarder, cues.check_keeps_nothing_of_a_clip),
        (planted.Hasty, cues.check_until_is_kept),
    ],
)
def test_a_wrong_cue_is_caught(kind, check):
    scene = cues.Scene(FILM.stretches, lengths=(SECOND * 7 // 10, SECOND * 37 // 10))
    with pytest.raises(AssertionError):
        check(lambda: kind(kind.Config()), scene)
