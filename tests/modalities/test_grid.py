import numpy as np
import pytest
from pydantic import ValidationError

from modalities.grid import FRAMES, Grid, cut
from modalities.types import SECOND
from tests.golden import golden

PAPERS = Grid(duration=4, step=2, tail=1)
DURATIONS = (1, 199_999, 200_000, 999_999, 4 * SECOND, 4_000_001, 4_999_999, 5 * SECOND, 9_300_000, 61_300_000)
GRIDS = (PAPERS, FRAMES, Grid(duration=2, step=2, tail=0), Grid(duration=3, step=0.7, tail=3), Grid(duration=1, step=1))


def micros(spans):
    return [(round(start * SECOND), round(end * SECOND)) for start, end in spans]


def test_papers_windows():
    for case in golden("released", "slice_audio")["cases"]:
        assert cut(round(case["duration"] * SECOND), PAPERS) == micros(case["windows"]), case["duration"]


def test_papers_windows_with_other_arguments():
    for case in golden("released", "slice_audio")["other_args"]:
        start, end, duration, step, tail = case["args"]
        spans = cut(round((end - start) * SECOND), Grid(duration=duration, step=step, tail=tail))
        expected = [span for span in case["windows"] if span[0] < span[1]]  # ours never cuts an empty one
        assert [(a + start * SECOND, b + start * SECOND) for a, b in spans] == micros(expected), case


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("duration", DURATIONS)
def test_closing_as_time_goes_on_gives_the_same(grid, duration):
    whole = cut(duration, grid)
    rng = np.random.default_rng(duration)
    for pieces in (1, 3, 17):
        spans = []
        for until in sorted(rng.integers(0, duration + 1, pieces).tolist()):
            spans += grid.close(len(spans), until, None)
            assert all(end <= until for _, end in spans)
        assert spans + grid.close(len(spans), duration, duration) == whole


@pytest.mark.parametrize("grid", GRIDS)
def test_nothing_is_closed_twice_or_at_the_end_of_nothing(grid):
    assert cut(0, grid) == []
    whole = cut(9_300_000, grid)
    assert len(set(whole)) == len(whole)
    assert all(start < end <= 9_300_000 for start, end in whole)
    assert grid.close(3, 0, None) == []


def test_frames_are_the_cells_of_the_clip_wide_grid():
    spans = cut(1_130_000, FRAMES)
    assert spans == [(200_000 * n, 200_000 * (n + 1)) for n in range(5)] + [(1_000_000, 1_130_000)]
    late = FRAMES.span(1_000_000)
    assert late == (200_000_000_000, 200_000_200_000), "no drift in 55 hours"


def test_a_tail_is_cut_once_and_only_if_it_says_something_new():
    assert cut(6 * SECOND, PAPERS)[-1] == (2 * SECOND, 6 * SECOND)
    assert cut(6_000_001, PAPERS)[-1] == (4 * SECOND, 6_000_001)
    assert cut(8_900_000, Grid(duration=4, step=4, tail=1))[-1] == (4 * SECOND, 8 * SECOND)
    assert cut(300_000, PAPERS) == [(0, 300_000)], "the first of all is kept, however short"


@pytest.mark.parametrize("wrong", [{"step": 0}, {"step": 5}, {"tail": 5}, {"tail": -1}, {"duration": 0}])
def test_impossible_grids_are_refused(wrong):
    with pytest.raises(ValidationError, match="0 < step ≤ duration"):
        Grid(**{"duration": 4, "step": 2, "tail": 1, **wrong})
