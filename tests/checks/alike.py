"""Whether two values are the same: dataclasses field by field, arrays within a tolerance."""

from dataclasses import fields, is_dataclass

import numpy as np


def differences(one, other, tolerance=0.0, path=""):
    """List where two values differ, in words; empty where nowhere."""
    if is_dataclass(one) and type(one) is type(other):
        return [
            difference
            for f in fields(one)
            for difference in differences(getattr(one, f.name), getattr(other, f.name), tolerance, f"{path}.{f.name}")
        ]
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        if len(one) != len(other):
            return [f"{path}: {len(one)} entries are not {len(other)}"]
        pairs = enumerate(zip(one, other, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, tolerance, f"{path}[{i}]")]
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return [f"{path}: {sorted(one)} are not {sorted(other)}"]
        return [d for key in one for d in differences(one[key], other[key], tolerance, f"{path}.{key}")]
    if isinstance(one, np.ndarray | float):
        return _numbers(np.asarray(one), np.asarray(other), tolerance, path)
    return [] if one == other else [f"{path}: {one!r} is not {other!r}"]


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
