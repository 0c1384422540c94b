"""Whether two values are the same: dataclasses field by field, arrays within a tolerance."""

from dataclasses import fields, is_dataclass

import numpy as np


def differences(one, other, tolerance=0.0, path=""):
    """List where two values differ, in words; empty where nowhere."""
    mine, others = _entries(one), _entries(other)
    if mine is not None and others is not None:
        if mine.keys() != others.keys():
            return [f"{path}: {list(mine)} are not {list(others)}"]
        return [d for key in mine for d in differences(mine[key], others[key], tolerance, f"{path}.{key}")]
    if isinstance(one, np.ndarray | float):
        return _numbers(np.asarray(one), np.asarray(other), tolerance, path)
    return [] if one == other else [f"{path}: {one!r} is not {other!r}"]


def _entries(value):
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    return {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else None


def _numbers(one, other, tolerance, path):
    if one.shape != other.shape:
        return [f"{path}: shape {one.shape} is not {other.shape}"]
    if one.dtype.kind != "f":
        wrong = np.flatnonzero(one != other)
        return [f"{path}: {len(wrong)} of {one.size} values differ"] if len(wrong) else []
    if np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True):
        return []
    return [f"{path}: differs by up to {np.nanmax(np.abs(one.astype(float) - other)):.2g}"]


def assert_alike(one, other, tolerance=0.0, why=""):
    """Fail, saying where, unless two values are the same."""
    found = differences(one, other, tolerance)
    assert not found, f"{why}: {'; '.join(found[:5])}"
