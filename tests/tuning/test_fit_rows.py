"""Rows on disk are the rows in memory."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch

from modalities.types import Encoding, Segment
from tests.makers import WIDTH, make_head
from tests.tuning.toy_rows import QUICK, TASKS, TRAIN, fitted, same_weights
from tuning.fit import Data, Held, Keeper, Kept, Some, chunks
from tuning.fit.rows import FEW


def encoding(lengths, shape=(3,), dtype=np.float32, *, seed=0, room=0):
    """Segments of these lengths, padded to the longest, or to more; a step in the middle may be masked."""
    rng, longest = np.random.default_rng(seed), max([*lengths, room], default=room)
    steps = np.zeros((len(lengths), longest, *shape), dtype)
    mask, times = np.zeros(steps.shape[:2], np.bool_), np.zeros(steps.shape[:2], np.int64)
    for row, length in enumerate(lengths):
        steps[row, :length] = rng.integers(1, 200, (length, *shape))
        mask[row, :length] = rng.random(length) < 0.7
        times[row, :length] = 40_000 * np.arange(1, length + 1) + seed
    segments = tuple(Segment(40_000 * row, 40_000 * row + 1, None) for row in range(len(lengths)))
    return Encoding(segments, steps, mask, times)


def kept(folder, encodings, targets=None, tasks=None, few=FEW):
    """Keep encodings in a folder and open it."""
    with Keeper(folder, tasks or {"expression": 2}) as keeper:
        for number, one in enumerate(encodings):
            keeper.add(one, targets[number] if targets else {}, source=number % 2)
    return Kept.open(folder, few)


@pytest.mark.parametrize("few", [0, FEW], ids=["on disk", "in memory"])
@pytest.mark.parametrize(("shape", "dtype"), [((3,), np.float32), ((4, 5, 3), np.uint8), ((), np.int64)])
def test_what_is_kept_is_what_was_there(shape, dtype, few, tmp_path):
    parts = [
        encoding([2, 5, 1], shape, dtype),
        encoding([], shape, dtype, room=4),
        encoding([7, 3], shape, dtype, seed=1),
    ]
    targets = [
        {"expression": np.random.default_rng(n).random((len(p.mask), 2)).astype(np.float32)}
        for n, p in enumerate(parts)
    ]
    rows, whole = kept(tmp_path, parts, targets, few=few), Encoding.join(parts)
    assert len(rows) == 5
    assert rows.few == bool(few)
    for index in ([0, 1, 2, 3, 4], [4, 0, 0], [3], [2], []):
        batch = rows.take(torch.tensor(index, dtype=torch.int64))
        longest = batch["mask"].shape[1]
        assert longest == max(([2, 5, 1, 7, 3][row] for row in index), default=0)
        for name in ("steps", "mask", "times"):
            expected = getattr(whole, name)[np.array(index, np.int64)][:, :longest]
            np.testing.assert_array_equal(batch[name].numpy(), expected)
            assert batch[name].numpy().dtype == expected.dtype
        expected = np.concatenate([part["expression"] for part in targets])[np.array(index, np.int64)]
        np.testing.assert_array_equal(batch["expression"].numpy(), expected)
    assert rows.sources.tolist() == [0, 0, 0, 0, 0]
    assert rows.clips.tolist() == [0, 0, 0, 2, 2]


def test_sources_and_missing_labels(tmp_path):
    rows = kept(tmp_path, [encoding([1, 2]), encoding([3])], [{"expression": np.eye(2, dtype=np.float32)}, {}])
    assert rows.sources.tolist() == [0, 0, 1]
    assert rows.targets["expression"][:2].tolist() == [[1, 0], [0, 1]]
    assert rows.targets["expression"][2].isnan().all()


def test_padding_in_the_cache_is_not_kept_but_a_masked_step_inside_is(tmp_path):
    one = encoding([4, 2], room=50)
    one.mask[0] = [True, False, True, False] + [False] * 46
    one.mask[1] = False
    batch = kept(tmp_path, [one]).take(torch.arange(2))
    assert batch["mask"].tolist() == [[True, False, True, False], [False] * 4]
    assert (batch["steps"][0] == torch.from_numpy(one.steps[0, :4])).all()


def test_rows_without_any_step_are_still_rows(tmp_path):
    rows = kept(tmp_path, [encoding([0, 0], room=0), encoding([2])])
    batch = rows.take(torch.tensor([0, 1]))
    assert batch["steps"].shape == (2, 0, 3)
    assert rows.take(torch.tensor([0, 2]))["mask"].shape == (2, 2)
    assert not rows.take(torch.tensor([0, 2]))["mask"][0].any()


def test_a_folder_without_rows_opens_as_nothing(tmp_path):
    rows = kept(tmp_path, [])
    assert len(rows) == 0
    assert list(chunks(rows)) == [] or len(next(chunks(rows))["mask"]) == 0


def test_chunks_and_folds_walk_through_all_rows_in_order(tmp_path):
    rows = kept(tmp_path, [encoding([1] * 7)])
    seen = torch.cat([batch["steps"] for batch in chunks(rows, 3)])
    assert torch.equal(seen, rows.take(torch.arange(7))["steps"])
    some = Some(rows, torch.tensor([6, 2, 4]))
    assert torch.equal(some.take(torch.tensor([1, 0]))["steps"], rows.take(torch.tensor([2, 6]))["steps"])
    assert torch.equal(some.targets["expression"].isnan(), rows.targets["expression"][[6, 2, 4]].isnan())
    assert len(some) == len(some.sources) == 3


def test_the_folder_may_go_and_the_file_is_closed_with_the_rows(tmp_path):
    rows = kept(tmp_path / "rows", [encoding([2, 3])])
    shutil.rmtree(tmp_path / "rows")
    assert rows.take(torch.tensor([1]))["mask"].shape == (1, 3)
    file = rows.file
    del rows
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)


def test_what_was_not_finished_is_no_rows(tmp_path):
    with pytest.raises(KeyboardInterrupt), Keeper(tmp_path, {"expression": 2}):
        raise KeyboardInterrupt
    with pytest.raises(FileNotFoundError):
        Kept.open(tmp_path)


def test_mistakes_are_told_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="encode all clips anew"):
        kept(tmp_path, [encoding([2], (3,)), encoding([2], (4,))])
    rows = kept(tmp_path, [encoding([2, 3])])
    with pytest.raises(TypeError, match="send their folder"):
        pickle.dumps(rows)
    os.truncate(tmp_path / "rows.bin", 40)
    with pytest.raises(OSError, match="file cut"):
        rows.take(torch.tensor([1]))


@pytest.mark.parametrize("kind", ["mean", "attention"])
def test_a_fit_on_disk_is_the_fit_in_memory(kind, tmp_path):
    columns = {name: column.numpy() for name, column in TRAIN.columns.items()}
    times = 40_000 * np.arange(1, 5) + np.zeros((len(TRAIN), 1), np.int64)
    segments = tuple(Segment(0, 1, None) for _ in range(len(TRAIN)))
    one = Encoding(segments, columns["steps"], columns["mask"], times)
    widths = {task: columns[task].shape[1] for task in TASKS}
    disk = kept(tmp_path, [one], [{task: columns[task] for task in TASKS}], widths)
    memory = Held({**TRAIN.columns, "times": torch.from_numpy(times)}, tuple(TASKS))
    heads = [fitted(QUICK, Data(rows, rows), head=make_head(kind))[0] for rows in (memory, disk)]
    assert columns["steps"].shape[2] == WIDTH
    assert same_weights(*heads)
