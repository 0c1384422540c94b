"""What every mapping must do. Each check takes a way to make one: `make(pairs, spoken, spoken_share)`."""

from itertools import product

import numpy as np

from modalities.labels import ABAW_PAIRS, EXPRESSION
from tests.checks.alike import assert_alike
from tests.checks.fusions import EVERYTHING, changed, draw
from tuning.corpora.rafdb import PAIRS as RAFDB_PAIRS

OTHER_PAIRS = {"Angrily Disgusted": ("Anger", "Disgust"), "Happily Other": ("Other", "Happiness")}
EVERY_PAIRS = (ABAW_PAIRS, RAFDB_PAIRS, OTHER_PAIRS)
STEPS = (0.01, 0.1, 0.5)


def agree(rows_SC, silent=()):
    """Opinions of five members who all say the same expressions, and the fused scores; `silent`: labels unsaid."""
    opinions = draw(len(rows_SC), presence=1.0)
    rows_SC = np.asarray(rows_SC, np.float32)
    expression = np.broadcast_to(rows_SC, (len(EVERYTHING), *rows_SC.shape)).copy()
    said = np.ones(expression.shape, np.bool_)
    said[..., EXPRESSION.labels.positions(silent)] = False
    scores, spoken = {**opinions.scores, "expression": expression}, {**opinions.said, "expression": said}
    opinions = changed(opinions, scores=scores, said=spoken)
    fused = {task: (values[0], opinions.said[task].any(axis=0)) for task, values in scores.items()}
    return opinions, fused


def without_compound(fused):
    """Nobody speaks compound."""
    scores, said = fused["compound"]
    return {**fused, "compound": (np.zeros_like(scores), np.zeros_like(said))}


def check_a_compound_of_two_equal_parts_wins(make):
    """Where two basic expressions share a face, their compound is the answer: for every pair of every set."""
    for pairs in EVERY_PAIRS:
        mapping = make(pairs)
        rows = np.full((len(pairs), 8), 0.02)
        for row, parts in enumerate(pairs.values()):
            rows[row, EXPRESSION.labels.positions(parts)] = 0.44
        opinions, fused = agree(rows)
        scores, said = mapping.compound(opinions, without_compound(fused))
        assert said.all()
        assert scores.shape == (len(pairs), len(pairs))
        assert scores.argmax(axis=1).tolist() == list(range(len(pairs)))


def check_pairs_are_met_by_name(make):
    """Pairs in another order, and the two parts of each in the other order, give the same scores by name."""
    opinions, fused = agree(np.random.default_rng(0).dirichlet(np.ones(8), 6))
    fused = without_compound(fused)
    for pairs in EVERY_PAIRS:
        turned = {name: (b, a) for name, (a, b) in reversed(pairs.items())}
        scores, _ = make(pairs).compound(opinions, fused)
        other, _ = make(turned).compound(opinions, fused)
        assert np.allclose(scores, other[:, ::-1], atol=1e-6)


def check_unsaid_parts_make_it_unsaid(make):
    """A compound is said where both parts are, whichever of them is silent; what is not said is finite."""
    for pairs in EVERY_PAIRS:
        for silent in {part for parts in pairs.values() for part in parts}:
            opinions, fused = agree(np.random.default_rng(0).dirichlet(np.ones(8), 6), silent=(silent,))
            scores, said = make(pairs).compound(opinions, without_compound(fused))
            assert np.isfinite(scores).all()
            for column, parts in enumerate(pairs.values()):
                assert (said[:, column] == (silent not in parts)).all(), (silent, parts)


def check_rows_do_not_depend_on_each_other(make):
    """A segment's scores are the same whatever other segments there are."""
    opinions, fused = agree(np.random.default_rng(4).dirichlet(np.ones(8), 9))
    for spoken in (False, True):
        mapping = make(ABAW_PAIRS, spoken=spoken)
        whole = mapping.compound(opinions, fused)
        for rows in ([0], [7, 2], [8, 6, 4, 2, 0]):
            some = {task: (scores[rows], said[rows]) for task, (scores, said) in fused.items()}
            alone = mapping.compound(opinions.take(np.array(rows)), some)
            assert_alike([values[rows] for values in whole], list(alone), 1e-6, f"rows {rows}")


def check_more_of_a_part_is_never_less_of_the_pair(make):
    """Raising a part's probability never lowers the raw score of its pair; of independent expressions, too."""
    if make(ABAW_PAIRS).looks_at_features:
        return  # it answers in shares of its pairs, which have parts in common
    rng = np.random.default_rng(5)
    for pairs, rows in product(EVERY_PAIRS, (rng.dirichlet(np.ones(8), 40), rng.random((40, 8)))):
        mapping = make(pairs)
        for (column, parts), step in product(enumerate(pairs.values()), STEPS):
            for part in EXPRESSION.labels.positions(parts):
                raised = rows.copy()
                raised[:, part] += step
                before, after = (mapping.map(*agree(one))[0][:, column] for one in (rows, raised))
                assert (after >= before).all(), (parts, step)
                assert np.isfinite(after).all()


def check_spoken_scores_are_mixed_in(make):
    """Section 6 of the design: (1 − λ) · mapped / its row sum + λ · spoken; λ can be asked for, too."""
    opinions, fused = agree(np.random.default_rng(1).dirichlet(np.ones(8), 6))
    mapped, _ = make(ABAW_PAIRS).map(opinions, fused)
    spoken, _ = fused["compound"]
    for share in (0.0, 0.3, 1.0):
        expected = (1 - share) * mapped / mapped.sum(axis=1, keepdims=True) + share * spoken
        scores, said = make(ABAW_PAIRS, spoken=True, spoken_share=share).compound(opinions, fused)
        assert said.all()
        assert np.allclose(scores, expected, atol=1e-5)
        assert np.allclose(make(ABAW_PAIRS, spoken=True).compound(opinions, fused, share)[0], expected, atol=1e-5)


def check_stays_raw_where_nobody_speaks_compound(make):
    """Without any member that speaks compound, the mapping's own scores are the answer."""
    opinions, fused = agree(np.random.default_rng(2).dirichlet(np.ones(8), 6))
    fused = without_compound(fused)
    mapping = make(ABAW_PAIRS)
    assert np.array_equal(mapping.compound(opinions, fused)[0], mapping.map(opinions, fused)[0])


def check_one_side_alone_stands(make):
    """Where only the members, or only the mapping, can say a compound, it is not halved by the other's silence."""
    mapping = make(ABAW_PAIRS, spoken=True)
    opinions, fused = agree(np.random.default_rng(3).dirichlet(np.ones(8), 6))
    mapped, _ = mapping.map(opinions, fused)
    alone, said = mapping.compound(opinions, without_compound(fused))
    assert said.all()
    assert np.allclose(alone, mapped / mapped.sum(axis=1, keepdims=True), atol=1e-5)
    silent, no_expression = agree(np.full((6, 8), 0.125), silent=tuple(EXPRESSION.labels))
    no_expression["compound"] = fused["compound"]
    scores, said = mapping.compound(silent, no_expression)
    assert said.all()
    assert np.allclose(scores, fused["compound"][0], atol=1e-5)
    neither, said = mapping.compound(silent, without_compound(no_expression))
    assert not said.any()
    assert np.isfinite(neither).all()


def check_compound_that_members_do_not_speak_is_not_zero(make):
    """A compound that the members do not know keeps the mapping's score, relative to one that it ties with."""
    rows = np.full((1, 8), 0.125)
    opinions, fused = agree(rows)
    spoken, said = np.full((1, 7), 1 / 7, np.float32), np.ones((1, 7), np.bool_)
    spoken[0, 0], said[0, 0] = 0, False
    fused["compound"] = spoken, said
    scores, also_said = make(ABAW_PAIRS, spoken=True).compound(opinions, fused)
    assert also_said.all()
    assert scores[0, 0] > 0.8 * scores[0, 1:].max(), f"an unspoken compound counted as zero: {scores[0]}"


CHECKS = (
    check_a_compound_of_two_equal_parts_wins,
    check_pairs_are_met_by_name,
    check_unsaid_parts_make_it_unsaid,
    check_rows_do_not_depend_on_each_other,
    check_more_of_a_part_is_never_less_of_the_pair,
    check_spoken_scores_are_mixed_in,
    check_stays_raw_where_nobody_speaks_compound,
    check_one_side_alone_stands,
    check_compound_that_members_do_not_speak_is_not_zero,
)
