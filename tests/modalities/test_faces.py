"""The faces cue on little films made of two portraits: who is who, and nothing depends on the length of stretches."""

from __future__ import annotations

import dataclasses
import gc
import pickle
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
import skimage.data

from modalities.cues.faces import FaceFinder
from modalities.cues.faces.crop import EYES, MARGIN, SIZE, level
from modalities.cues.faces.cuts import Thumbnail, is_cut
from modalities.cues.faces.find import Finder, angles
from modalities.types import FOREVER, SECOND, Faces, Frames

STEP = SECOND // 5
ANN = skimage.data.astronaut()[:230, 110:340]  # the face is at its middle, about 100 pixels wide
ROB = matplotlib.image.imread(Path(mpl.get_data_path(), "sample_data", "grace_hopper.jpg"))[30:400, 70:440]


@pytest.fixture(scope="module")
def finder() -> Iterator[FaceFinder]:
    with closing(FaceFinder(FaceFinder.Config())) as cue:
        yield cue


def wall(seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(60, 180, (9, 16, 3)).astype(np.uint8)
    return cv2.resize(small, (640, 360), interpolation=cv2.INTER_CUBIC)


def scene(*people: tuple[np.ndarray, float, float, int], ground: np.ndarray | None = None) -> np.ndarray:
    """Put portraits (picture, centre x and y in pixels, side) before a wall, each cut out as an ellipse."""
    picture = (wall() if ground is None else ground).copy()
    for portrait, x, y, side in people:
        move = np.array([[side / portrait.shape[1], 0, x - side / 2], [0, side / portrait.shape[0], y - side / 2]])
        mask = np.zeros(portrait.shape[:2], np.uint8)
        cv2.ellipse(mask, (mask.shape[1] // 2, mask.shape[0] // 2), (mask.shape[1] // 2 - 2,) * 2, 0, 0, 360, 255, -1)
        size = (picture.shape[1], picture.shape[0])
        moved, where = (cv2.warpAffine(layer, move, size, flags=cv2.INTER_AREA) for layer in (portrait, mask))
        picture = np.where(where[..., None] > 127, moved, picture)
    return picture


def perceive(cue: FaceFinder, film: Sequence[np.ndarray], stretch: int = 1000, start: int = 0) -> Faces:
    """Show a film at five frames per second in stretches of so many frames; memory travels as bytes."""
    found, memory = None, None
    for first in range(0, len(film), stretch):
        part = film[first : first + stretch]
        times = start + STEP * np.arange(first, first + len(part), dtype=np.int64)
        until = FOREVER if first + stretch >= len(film) else int(times[-1]) + STEP
        brought, memory = cue.perceive({"frames": Frames(times, tuple(part), until)}, (), memory)
        memory = pickle.loads(pickle.dumps(memory))  # noqa: S301  our own bytes
        found = brought if found is None else found.join(brought)
    assert found is not None
    return found


def who(faces: Faces) -> list[list[int]]:
    """Track numbers in each frame."""
    return [faces.tracks[faces.times == time].tolist() for time in faces.looked]


def test_one_face_has_everything(finder: FaceFinder) -> None:
    faces = perceive(finder, [scene((ANN, 320, 180, 300))])
    left, top, right, bottom = faces.boxes[0]
    assert (faces.until, faces.ran.tolist(), faces.detected.tolist()) == (FOREVER, [True], [True])
    assert (faces.crops.shape, faces.landmarks.shape) == ((1, SIZE, SIZE, 3), (1, 478, 3))
    assert abs((left + right) / 2 - 0.5) < 0.05
    assert abs((top + bottom) / 2 - 0.5) < 0.1
    assert (right - left) * 640 == pytest.approx((bottom - top) * 360, abs=0.01)  # a square of pixels
    smile = faces.blendshapes[0, 44:46]  # mouthSmileLeft and mouthSmileRight
    assert smile.min() > 0.5


def test_a_crop_is_upright_and_holds_the_mesh(finder: FaceFinder) -> None:
    tilted = cv2.warpAffine(scene((ANN, 320, 180, 300)), cv2.getRotationMatrix2D((320, 180), -25, 1), (640, 360))
    faces = perceive(finder, [tilted])
    again = perceive(finder, [faces.crops[0]])
    points = again.landmarks[0, :, :2]
    eyes = points[EYES[1]] - points[EYES[0]]
    assert abs(np.degrees(np.arctan2(eyes[1], eyes[0]))) < 2.5
    assert np.ptp(points, axis=0).max() == pytest.approx(1 / MARGIN, abs=0.05)
    assert ((points.min(axis=0) + points.max(axis=0)) / 2) == pytest.approx([0.5, 0.5], abs=0.04)


def test_the_eye_line_gives_way_in_profile() -> None:
    points = np.zeros((478, 2))
    points[10], points[152] = (0, -100), (0, 100)
    points[33], points[263] = (0, 3), (0, -3)  # one behind the other
    assert level(points) @ (1, 0) == pytest.approx([1, 0], abs=0.1)
    points[33], points[263] = (-50, 10), (50, -10)
    turned = points @ level(points).T
    assert turned[33, 1] == pytest.approx(turned[263, 1])


def test_pose_turns_round_in_a_mirror_and_rolls_with_the_picture(finder: FaceFinder) -> None:
    picture = scene((ANN, 320, 180, 300))
    rolled = cv2.warpAffine(picture, cv2.getRotationMatrix2D((320, 180), -20, 1), (640, 360))  # clockwise
    straight, mirrored, turned = (
        perceive(finder, [np.ascontiguousarray(p)]).pose[0] for p in (picture, picture[:, ::-1], rolled)
    )
    assert mirrored == pytest.approx(straight * [-1, 1, -1], abs=4)
    assert turned - straight == pytest.approx([0, 0, 20], abs=6)


def test_angles_have_the_promised_signs() -> None:
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(np.array([0, np.radians(30), 0]))[0] * 2.0  # about the axis up, and scaled
    assert angles(turn) == pytest.approx([30, 0, 0], abs=1e-4)
    turn[:3, :3] = cv2.Rodrigues(np.array([np.radians(20), 0, 0]))[0]
    assert angles(turn) == pytest.approx([0, 20, 0], abs=1e-4)


def test_a_far_face_is_found_where_the_landmarker_alone_is_blind(finder: FaceFinder) -> None:
    far = scene((ANN, 200, 120, 90))
    with closing(Finder(5, 0.99)) as alone:  # no box of YuNet is believed
        assert alone.find(far) == []
    faces = perceive(finder, [far])
    assert who(faces) == [[0]]
    assert 0.6 < faces.scores[0] < 1
    assert faces.landmarks[0, 1, :2] * (640, 360) == pytest.approx([200, 120], abs=12)  # the tip of the nose


GALAXIES = cv2.resize(skimage.data.hubble_deep_field()[581:871, 666:999], (480, 360))
"""YuNet sees a face in them, and the landmarker one at that place, but with its eyes elsewhere."""


@pytest.mark.parametrize(
    "picture",
    [
        skimage.data.coffee(),
        skimage.data.chelsea(),
        GALAXIES,
        wall(),
        np.zeros((360, 640, 3), np.uint8),
        wall()[:3, :5],
    ],
    ids=["coffee", "cat", "galaxies", "wall", "black", "tiny"],
)
def test_nobody_is_nowhere(finder: FaceFinder, picture: np.ndarray) -> None:
    faces = perceive(finder, [picture])
    assert (len(faces), faces.looked.tolist(), faces.ran.tolist()) == (0, [0], [True])
    assert faces.crops.shape == (0, SIZE, SIZE, 3)


def test_no_frames_are_no_faces(finder: FaceFinder) -> None:
    nothing = Frames(np.zeros(0, np.int64), (), FOREVER)
    faces, memory = finder.perceive({"frames": nothing}, (), None)
    assert len(faces) == len(faces.looked) == 0
    assert finder.perceive({"frames": nothing}, (), memory)[1] == memory


@pytest.mark.parametrize("size", [(20, 3000), (3000, 20), (1800, 3200), (33, 47)])
def test_any_size_is_looked_at(finder: FaceFinder, size: tuple[int, int]) -> None:
    picture = cv2.resize(scene((ANN, 320, 180, 300)), size[::-1], interpolation=cv2.INTER_AREA)
    assert who(perceive(finder, [picture])) == ([[0]] if size == (1800, 3200) else [[]])


def test_grey_pictures_have_faces(finder: FaceFinder) -> None:
    grey = scene((ROB, 320, 180, 300)).mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    assert who(perceive(finder, [grey])) == [[0]]


def test_two_people_change_places_and_keep_their_numbers(finder: FaceFinder) -> None:
    film = [scene((ROB, 130 + 38 * n, 100, 200), (ANN, 510 - 38 * n, 260, 200)) for n in range(11)]
    faces = perceive(finder, film)
    assert who(faces) == [[0, 1]] * 11
    middles = faces.boxes[:, [0, 2]].mean(axis=1)
    for track in (0, 1):
        path = middles[faces.tracks == track]
        assert np.all(np.diff(path) > 0) or np.all(np.diff(path) < 0)


def test_one_who_passes_in_front_does_not_take_the_other_ones_number(finder: FaceFinder) -> None:
    film = [scene((ROB, 320, 180, 200), (ANN, 100 + 55 * n, 180, 200)) for n in range(9)]
    faces = perceive(finder, film)
    assert sorted(set(faces.tracks.tolist())) == [0, 1]
    still, moving = (faces.boxes[faces.tracks == t][:, [0, 2]].mean(axis=1) for t in _by_spread(faces))
    assert np.ptp(still) < 0.05
    assert np.ptp(moving) > 0.5


def _by_spread(faces: Faces) -> list[int]:
    return sorted((0, 1), key=lambda track: float(np.ptp(faces.boxes[faces.tracks == track, 0])))


def test_a_cut_never_makes_one_person_of_two(finder: FaceFinder) -> None:
    film = [scene((ANN, 320, 180, 300))] * 3 + [scene((ROB, 320, 180, 300), ground=wall(1))] * 3
    assert who(perceive(finder, film)) == [[0]] * 3 + [[1]] * 3


def test_motion_and_light_are_no_cut(finder: FaceFinder) -> None:
    film = [scene((ANN, 200 + 40 * n, 180, 250)) for n in range(6)]
    film[3:] = [(picture * 0.5).astype(np.uint8) for picture in film[3:]]
    assert who(perceive(finder, film)) == [[0]] * 6


def test_a_pan_is_no_cut_and_other_places_are() -> None:
    wide = cv2.resize(skimage.data.rocket(), (700, 360))
    here, panned, other = wide[:, :640], wide[:, 35:675], cv2.resize(skimage.data.coffee(), (640, 360))
    thumbnails = [Thumbnail.of(np.ascontiguousarray(picture)) for picture in (here, panned, other)]
    assert not is_cut(thumbnails[0], thumbnails[1], 0.725)
    assert is_cut(thumbnails[0], thumbnails[2], 0.725)
    assert not is_cut(thumbnails[0], thumbnails[2], 0.0)


@pytest.mark.parametrize(("gone", "after"), [(3, 0), (10, 1)])
def test_who_comes_back_in_time_is_the_same(finder: FaceFinder, gone: int, after: int) -> None:
    here, empty = scene((ANN, 320, 180, 250)), scene()
    faces = perceive(finder, [here] * 2 + [empty] * gone + [here] * 2)
    assert who(faces) == [[0]] * 2 + [[]] * gone + [[after]] * 2


def test_another_place_is_another_person(finder: FaceFinder) -> None:
    film = [scene((ANN, 110, 180, 200)), scene((ANN, 530, 180, 200))]
    assert who(perceive(finder, film)) == [[0], [1]]


@pytest.mark.parametrize("every", [1, 3])
def test_the_length_of_stretches_changes_nothing(every: int) -> None:
    film = [scene((ROB, 130 + 38 * n, 100, 200), (ANN, 510 - 38 * n, 260, 200)) for n in range(5)]
    film += [scene((ANN, 320, 180, 300 - 10 * n), ground=wall(1)) for n in range(4)]
    with closing(FaceFinder(FaceFinder.Config(every=every))) as cue:
        whole, *others = [perceive(cue, film, stretch) for stretch in (9, 1, 4)]
    assert who(whole) == [[0, 1]] * 5 + [[2]] * 4
    for other in others:
        for column in dataclasses.fields(Faces):
            assert np.array_equal(getattr(whole, column.name), getattr(other, column.name)), column.name


def test_faces_are_followed_between_looks(finder: FaceFinder) -> None:
    film = [scene((ANN, 250 + 12 * n, 180, 250)) for n in range(6)] + [scene(ground=wall(1))] * 2
    with closing(FaceFinder(FaceFinder.Config(every=4))) as seldom:
        faces, truth = perceive(seldom, film), perceive(finder, film)
    assert faces.ran.tolist() == [True, False, False, False, True, False, True, False]  # the cut is looked at
    assert who(faces) == who(truth) == [[0]] * 6 + [[], []]
    assert faces.detected.tolist() == [True, False, False, False, True, False]
    assert np.abs(faces.landmarks[..., :2] - truth.landmarks[..., :2]).max() < 0.02
    assert np.array_equal(faces.blendshapes[1], faces.blendshapes[0])


def test_a_face_that_vanishes_is_not_followed() -> None:
    with closing(FaceFinder(FaceFinder.Config(every=3))) as cue:
        faces = perceive(cue, [scene((ANN, 320, 180, 150)), scene(), scene()])
    assert who(faces) == [[0], [], []]


def test_frames_may_change_their_size(finder: FaceFinder) -> None:
    picture = scene((ANN, 320, 180, 250))
    film = [picture, cv2.resize(picture, (500, 360), interpolation=cv2.INTER_AREA), picture]
    assert who(perceive(finder, film)) == [[0]] * 3
    with closing(FaceFinder(FaceFinder.Config(every=2))) as sparse:
        assert who(perceive(sparse, film)) == [[0], [], [0]]


def test_it_can_be_sent_away_and_saved(finder: FaceFinder, tmp_path: Path) -> None:
    film = [scene((ANN, 320, 180, 300))]
    perceive(finder, film)
    finder.save(tmp_path)
    sent, loaded = pickle.loads(pickle.dumps(finder)), FaceFinder.load(tmp_path)  # noqa: S301  our own bytes
    assert sent.config == loaded.config == finder.config
    with closing(sent):
        assert who(perceive(sent, film)) == [[0]]


def test_only_so_many_faces_are_given() -> None:
    with closing(FaceFinder(FaceFinder.Config(faces=1))) as cue:
        faces = perceive(cue, [scene((ROB, 160, 180, 180), (ANN, 480, 180, 260))])
    assert who(faces) == [[0]]


def test_one_that_is_forgotten_in_a_circle_is_closed_by_the_collector() -> None:
    class Circle:
        itself: Circle
        finder: Finder

    circle = Circle()
    circle.itself, circle.finder = circle, Finder(5, 0.6)
    assert len(circle.finder.find(scene((ANN, 320, 180, 300)))) == 1
    seen = weakref.ref(circle.finder)
    del circle
    gc.collect()  # hangs if the landmarker is left to its own means
    assert seen() is None
