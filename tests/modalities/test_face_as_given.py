"""Pictures that are a face already: the whole frame is the crop of one person."""

import numpy as np
import pytest
import skimage.data

from modalities.catalog import CUES, build
from modalities.cues.faces.crop import SIZE
from modalities.types import FOREVER, Frames, Segment


def seen(*images):
    times = np.arange(len(images), dtype=np.int64) * 200_000
    cue = build({"kind": "face_as_given"}, CUES)
    faces, memory = cue.perceive({"frames": Frames(times, images, FOREVER)}, [Segment(0, 1_000_000)], None)
    assert memory is None
    return faces


def test_every_frame_is_one_face_of_one_person():
    face = skimage.data.astronaut()[:230, 110:340]
    faces = seen(face, face[::4, ::4], face[:SIZE, :SIZE])
    assert faces.tracks.tolist() == [0, 0, 0]
    assert faces.boxes.tolist() == [[0, 0, 1, 1]] * 3
    assert faces.scores.tolist() == [1, 1, 1]
    assert faces.detected.all()
    assert faces.times.tolist() == faces.looked.tolist() == [0, 200_000, 400_000]
    assert not any(values.any() for values in (faces.landmarks, faces.blendshapes, faces.pose))
    assert (faces.crops[2] == face[:SIZE, :SIZE]).all()
    assert np.abs(faces.crops[0].astype(int) - faces.crops[1]).mean() < 12


@pytest.mark.parametrize("shape", [(48, 48, 3), (100, 60, 3), (700, 900, 3)])
def test_any_picture_fills_the_crop(shape):
    picture = np.zeros(shape, np.uint8)
    picture[:, shape[1] // 2 :] = 240
    (crop,) = seen(picture).crops
    assert crop.shape == (SIZE, SIZE, 3)
    assert (crop[:, :100] == 0).all()
    assert (crop[:, 124:] == 240).all()


def test_without_frames_there_is_nobody():
    faces = seen()
    assert len(faces) == 0
    assert faces.crops.shape == (0, SIZE, SIZE, 3)
    assert faces.until == FOREVER
