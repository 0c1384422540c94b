"""The face encoders on two portraits: what they see, and that each face is encoded by itself."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
import skimage.data

from modalities.cues.faces import FaceFinder
from modalities.encoders.blendshapes import BLENDSHAPES, MEASURES, PAIRS, POSE, Blendshapes, measure, upright
from modalities.encoders.encoder import Encoder
from modalities.encoders.face import EmbeddedFace
from modalities.encoders.fer import EXPRESSIONS, Fer
from modalities.labels import ACTION_UNITS
from modalities.types import FOREVER, SECOND, Faces, Frames

ANN = skimage.data.astronaut()
ROB = matplotlib.image.imread(Path(mpl.get_data_path(), "sample_data", "grace_hopper.jpg"))
ENCODERS: list[type[Encoder[Faces]]] = [Blendshapes, Fer, EmbeddedFace]


def turn(picture: np.ndarray, degrees: float) -> np.ndarray:
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    return cv2.warpAffine(picture, cv2.getRotationMatrix2D(middle, degrees, 1), picture.shape[1::-1])


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with closing(FaceFinder(FaceFinder.Config(faces=1))) as cue:
        yield cue


@pytest.fixture(scope="module")
def faces(finder: FaceFinder) -> Faces:
    """Ann; in a mirror; turned; in a wide picture; Rob."""
    wide = np.pad(ANN, ((0, 0), (0, 500), (0, 0)), mode="edge")
    pictures = (ANN, np.ascontiguousarray(ANN[:, ::-1]), turn(ANN, 20), wide, ROB)
    found, _ = finder.perceive(
        {"frames": Frames(np.arange(5, dtype=np.int64) * SECOND, pictures, FOREVER)}, (), memory=None
    )
    assert len(found) == len(pictures)
    return found


@pytest.mark.parametrize("kind", ENCODERS)
def test_each_face_is_encoded_by_itself(kind: type[Encoder[Faces]], faces: Faces) -> None:
    encoder = kind(kind.Config())
    together = encoder.encode(faces)
    assert (together.shape, together.dtype) == ((5, encoder.width), np.float32)
    assert np.isfinite(together).all()
    for row in range(5):
        assert np.array_equal(encoder.encode(faces.take(np.array([row])))[0], together[row])
    assert np.array_equal(encoder.encode(faces.take(np.array([4, 2, 0]))), together[[4, 2, 0]])
    assert encoder.encode(faces.take(np.zeros(0, np.int64))).shape == (0, encoder.width)


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_can_be_sent_away_and_saved(kind: type[Encoder[Faces]], faces: Faces, tmp_path: Path) -> None:
    encoder = kind(kind.Config())
    expected = encoder.encode(faces)
    encoder.save(tmp_path)
    for other in (pickle.loads(pickle.dumps(encoder)), kind.load(tmp_path)):  # noqa: S301  our own bytes
        assert np.array_equal(other.encode(faces), expected)


def test_the_embedded_one_is_both(faces: Faces) -> None:
    both = np.hstack([Blendshapes(Blendshapes.Config()).encode(faces), Fer(Fer.Config()).encode(faces)])
    assert np.array_equal(EmbeddedFace(EmbeddedFace.Config()).encode(faces), both)
    assert EmbeddedFace.assets == ("fer",)


def test_every_action_unit_is_served() -> None:
    served = " ".join(measure.serves.partition(":")[0] for measure in MEASURES).replace(",", "").split()
    assert set(served) == set(ACTION_UNITS.labels)
    assert len(PAIRS) == Blendshapes.width - BLENDSHAPES - POSE


def test_a_smile_is_happy(faces: Faces) -> None:
    logs = Fer(Fer.Config()).encode(faces)
    assert EXPRESSIONS[int(logs[0].argmax())] == "happy"
    assert np.exp(logs[0]).sum() == pytest.approx(1, abs=0.01)
    assert Fer(Fer.Config(floor=0.1)).encode(faces).min() == pytest.approx(np.log(0.1))


def test_fer_looks_at_the_picture_and_not_at_its_margin(faces: Faces) -> None:
    framed = faces.crops.copy()
    framed[:, :20], framed[:, -20:], framed[:, :, :20], framed[:, :, -20:] = 0, 0, 0, 0
    fer = Fer(Fer.Config())
    assert np.array_equal(fer.encode(replace(faces, crops=framed)), fer.encode(faces))
    assert not np.array_equal(fer.encode(replace(faces, crops=255 - faces.crops)), fer.encode(faces))


def test_neither_the_turn_nor_the_frame_of_a_head_changes_its_measures(faces: Faces) -> None:
    plain, mirrored, turned, wide, other = measure(upright(faces))
    stranger = np.abs(plain - other).mean()
    assert np.abs(plain - turned).mean() < 0.25 * stranger
    assert np.abs(plain - wide).mean() < 0.25 * stranger
    assert np.abs(plain - mirrored[_mirror()]).mean() < 0.25 * stranger


def _mirror() -> list[int]:
    """For each measure the place of the one on the other side."""
    places: list[int] = []
    for one in MEASURES:
        here = len(places)
        places += [here] if one.left is None else [here + 1, here]
    return places


def test_measures_tell_what_they_promise() -> None:
    mesh = np.zeros((1, 478, 3), np.float32)
    mesh[0, 33], mesh[0, 263] = (-0.5, 0, 0), (0.5, 0, 0)
    mesh[0, 61], mesh[0, 291] = (-0.3, -0.6, 0), (0.3, -0.6, 0)
    at = {(kind, pair): place for place, (kind, pair) in enumerate(PAIRS)}
    before = measure(mesh)[0]
    mesh[0, 291] += (0.1, 0.2, -0.1)  # the left corner of the mouth: out, up and back
    change = measure(mesh)[0] - before
    assert change[at["aside", (61, 291)]] == pytest.approx(0.1)
    assert change[at["above", (291, 13)]] == pytest.approx(0.2)
    assert change[at["before", (291, 168)]] == pytest.approx(-0.1)
    assert change[at["apart", (291, 263)]] == pytest.approx(np.sqrt(0.1**2 + 0.4**2 + 0.1**2) - np.hypot(0.2, 0.6))
    assert change[at["above", (61, 13)]] == 0


def test_upright_undoes_any_turn_of_the_head(faces: Faces) -> None:
    row = faces.take(np.array([0]))
    square = replace(row, boxes=np.array([[0, 0, 1, 1]], np.float32))
    turn_by = cv2.Rodrigues(np.array([0.3, -0.5, 0.2]))[0].astype(np.float32)
    turned = replace(square, landmarks=row.landmarks @ turn_by.T * 0.7)
    assert upright(turned) - upright(turned)[:, :1] == pytest.approx(upright(square) - upright(square)[:, :1], abs=1e-4)
