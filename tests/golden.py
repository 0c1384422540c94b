"""Golden vectors: what released research code answers on inputs that are given by formulas.

They are read from the file that `TWOFOLD_GOLDEN` names, or from `shared/data/golden/golden.json` beside the checkout;
a test that needs them is skipped where there is none.
"""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

PLACE = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "golden" / "golden.json"


@cache
def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def golden(origin, name):
    """Return an entry; `origin` is `released` (code as published) or `reference` (an own loop, textbook-correct)."""
    path = Path(os.environ.get("TWOFOLD_GOLDEN") or PLACE)
    if not path.is_file():
        pytest.skip(f"the golden vectors are not at {path}; name the file with TWOFOLD_GOLDEN")
    return _read(path)[origin][name]


def f2(rows, columns):
    """The formula F2 of the vectors' page."""
    a, b = np.indices((rows, columns)).astype(float)
    return np.sin(0.61 * a + 0.83 * b + 0.37 * a * b)


def g3(members, rows, classes):
    """The formula G3."""
    m, n, c = np.indices((members, rows, classes)).astype(float)
    return np.sin(0.5 * m + 0.61 * n + 0.83 * c + 0.37 * n * c + 0.29 * m * c)


def softmax(values, axis=-1):
    """Softmax in float64."""
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)
