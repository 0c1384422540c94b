"""Contracts of fusions, mappings and the timeline: every entry of the catalogs."""

from functools import partial

import numpy as np
import pytest

from ensemble.catalog import FUSIONS, MAPPINGS
from ensemble.timeline import Verdict
from modalities.catalog import find
from modalities.labels import ABAW_PAIRS
from tests import toys
from tests.checks import fusions, mappings, parts, timelines


def names(check):
    return check.__name__


def make_fusion(kind, speaks=fusions.EVERYTHING):
    """Make a fusion with drawn parameters."""
    part = find(kind, FUSIONS)
    return fusions.settle(toys.randomise(part(fusions.configure(part, speaks))))


def make_mapping(kind, pairs=ABAW_PAIRS, spoken=False, spoken_share=0.5):
    """Make a mapping onto these compounds."""
    part = find(kind, MAPPINGS)
    settings = {"pairs": dict(pairs), "spoken": spoken, "spoken_share": spoken_share}
    if "weights" in part.Config.model_fields and "Happily Other" in pairs:  # the papers' weigh no Other
        settings["weights"] = {"Anger": 5, "Disgust": 6, "Other": 3, "Happiness": 6}
    return part(part.Config.model_validate(settings))


@pytest.mark.parametrize(
    ("kind", "check"),
    [(kind, check) for kind in FUSIONS for check in fusions.checks_of(find(kind, FUSIONS))],
    ids=lambda one: one if isinstance(one, str) else names(one),
)
def test_fusion(kind, check):
    check(partial(make_fusion, kind))


@pytest.mark.parametrize("check", parts.CHECKS, ids=names)
@pytest.mark.parametrize("kind", list(FUSIONS))
def test_fusion_is_a_part(kind, check, tmp_path):
    check(make_fusion(kind), lambda fusion: fusion.fuse(fusions.draw()), tmp_path)


@pytest.mark.parametrize("check", mappings.CHECKS, ids=names)
@pytest.mark.parametrize("kind", list(MAPPINGS))
def test_mapping(kind, check):
    check(partial(make_mapping, kind))


@pytest.mark.parametrize("check", parts.CHECKS, ids=names)
@pytest.mark.parametrize("kind", list(MAPPINGS))
def test_mapping_is_a_part(kind, check, tmp_path):
    opinions, fused = mappings.agree(np.random.default_rng(0).dirichlet(np.ones(8), 5))
    check(make_mapping(kind), lambda mapping: mapping.compound(opinions, fused), tmp_path)


@pytest.mark.parametrize("check", timelines.CHECKS, ids=names)
def test_timeline(check):
    check(Verdict)
