"""What every encoder must do. Each check takes a way to make it, and several inputs of its kind."""

import numpy as np

from tests.checks.alike import assert_alike


def encode_all(encoder, inputs):
    """Encode each input."""
    return [encoder.encode(one) for one in inputs]


def arrays_of(vectors):
    """What an encoder gives as arrays: one of all rows, or one per text where a text becomes several steps."""
    return vectors if isinstance(vectors, list) else [vectors]


def check_is_deterministic(make, inputs):
    """The same input gets the same vectors, from another instance too, whatever came between."""
    encoder = make()
    first = encode_all(encoder, inputs)
    assert_alike(first, encode_all(encoder, inputs), why="a second time")
    assert_alike(first[-1], make().encode(inputs[-1]), why="another instance")


def check_gives_vectors_of_its_width(make, inputs):
    """Vectors are finite float32 rows of the width that heads are made for; raw pictures are bytes, tokens numbers."""
    encoder = make()
    for vectors in (array for found in encode_all(encoder, inputs) for array in arrays_of(found)):
        assert (vectors.dtype, vectors.ndim) in ((np.float32, 2), (np.uint8, 4), (np.int64, 2))
        assert vectors.shape[-1] == encoder.width
        assert np.isfinite(vectors).all()


def check_tells_inputs_apart(make, inputs):
    """Different inputs get different vectors."""
    first, second, *_ = (arrays_of(found)[0] for found in encode_all(make(), inputs))
    assert first.shape != second.shape or not np.allclose(first, second)


def check_has_times(make, inputs):
    """Of sound: every step has a time, rising, inside the sound; no steps have none."""
    encoder = make()
    if encoder.kind != "sound":
        return
    for samples, steps in zip(inputs, encode_all(encoder, inputs), strict=True):
        times = encoder.times(len(steps))
        assert len(times) == len(steps)
        assert (np.diff(times) > 0).all()
        assert times[0] >= 0
        assert times[-1] < len(samples) / 16_000 * 1e6
    assert len(encoder.times(0)) == 0


def check_looks_at_rows_apart(make, inputs):
    """Of faces, pictures and texts: a vector does not depend on what else is in the batch; no rows give no vectors."""
    encoder = make()
    if encoder.kind == "sound":
        return
    rows = inputs[0]
    together = encoder.encode(rows)
    assert len(together) == len(rows) > 1
    last = rows[-1:] if isinstance(rows, list) else rows.take(np.array([len(rows) - 1]))
    assert np.allclose(encoder.encode(last), together[-1:], atol=1e-5)
    nothing = rows[:0] if isinstance(rows, list) else rows.take(np.zeros(0, np.int64))
    none = encoder.encode(nothing)
    assert none == [] if isinstance(together, list) else none.shape == (0, *together.shape[1:])


CHECKS = (
    check_is_deterministic,
    check_gives_vectors_of_its_width,
    check_tells_inputs_apart,
    check_has_times,
    check_looks_at_rows_apart,
)
