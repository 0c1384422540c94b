"""Find the faces of one picture, with landmarks, blendshapes and head pose.

MediaPipe's landmarker looks first. Its detector sees the whole picture at 128 × 128 pixels, so it misses faces that are
small in it; where it finds none, or fewer than there just were, YuNet looks for boxes and the landmarker looks again at
each, enlarged. A box of YuNet counts only if both networks put the eyes, the nose and the corners of the mouth at the
same places: stones and stripes that one of them takes for a face are not taken for the same face by the other.

Known limits: full profiles are mostly refused by the landmarker, and a far person beside a near one is not looked for
before having been near once.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from modalities.assets import locate
from modalities.native import hushed
from modalities.types import Array, Scores

if TYPE_CHECKING:  # whoever only plans, encodes or judges does without these seconds
    import mediapipe
    from mediapipe.tasks.python import vision

Image = NDArray[np.uint8]  # [height, width, 3] RGB

LONGEST = 640
"""Pixels of the longer side that YuNet is shown; it finds faces down to about 10 of them."""
ENLARGED = 256
"""Pixels of the square that is cut out around a box of YuNet: what the landmarker's mesh network takes."""
AROUND = 2.0
"""Side of that square over the longer side of the box."""
AGREEMENT = 0.12
"""Largest mean distance of the five points, over the longer side of the box. Measured: real faces 0.01 to 0.09, others
0.14 to 0.34."""
FIVE = np.array([468, 473, 1, 61, 291])
"""Landmarks that mean YuNet's points: the person's right and left pupil, nose, right and left corner of the mouth."""
SMALLEST = 16
"""Pixels of the shorter side of a picture that is looked at."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture."""

    landmarks: Scores  # [478, 3] x, y as shares of the picture, z in the unit of x
    score: float  # YuNet's; 1 where the landmarker found the face itself, which does not tell its confidence
    blendshapes: Scores  # [52] in [0, 1]
    pose: Scores  # [3] yaw, pitch, roll in degrees

    @property
    def box(self) -> Scores:
        """Left, top, right, bottom [4]: what encloses the landmarks inside the picture, as shares of it."""
        flat = self.landmarks[:, :2].clip(0, 1)
        return np.concatenate([flat.min(axis=0), flat.max(axis=0)])


class Finder:
    """Both networks. They open when they are first needed, and must be closed before the program ends."""

    def __init__(self, most: int, score: float) -> None:
        """Find at most `most` faces per picture; `score`: the least of YuNet that is believed."""
        self.most, self.score = most, score
        self._landmarker: vision.FaceLandmarker | None = None
        self._yunet: cv2.FaceDetectorYN | None = None
        self._closing: weakref.finalize[[], vision.FaceLandmarker] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"most": self.most, "score": self.score, "_landmarker": None, "_yunet": None, "_closing": None}

    def close(self) -> None:
        """Close the networks; they open again when needed. Left open, the landmarker complains at the program's end."""
        if self._closing is not None:
            self._closing()
        self._landmarker = self._yunet = self._closing = None

    def find(self, image: Image, expected: int = 1) -> list[Face]:
        """Return the faces of a picture of any size, from the largest down; look closer for as many as expected."""
        if min(image.shape[:2]) < SMALLEST:
            return []
        image = np.ascontiguousarray(image)
        faces = self._mesh(image)
        if len(faces) < expected:
            faces += self._far(image, [face.box for face in faces])
        faces.sort(key=lambda face: _area(face.box), reverse=True)
        return faces[: self.most]

    def _mesh(self, image: Image) -> list[Face]:
        """Ask the landmarker."""
        landmarker = self._landmarker or self._open()
        found = landmarker.detect(_as_mediapipe(image))
        columns = (found.face_landmarks, found.face_blendshapes, found.facial_transformation_matrixes)
        return [
            Face(
                np.array([(point.x, point.y, point.z) for point in points], np.float32),
                1.0,
                np.array([shape.score for shape in shapes], np.float32),
                angles(matrix),
            )
            for points, shapes, matrix in zip(*columns, strict=True)
        ]

    def _open(self) -> vision.FaceLandmarker:
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(locate("face_landmarker"))),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=self.most,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        blank = _as_mediapipe(np.zeros((64, 64, 3), np.uint8))
        with hushed():
            self._landmarker = landmarker = vision.FaceLandmarker.create_from_options(options)
            landmarker.detect(blank)  # its threads have their say at the first picture
        # The garbage collector may end the thread that its own `__del__` then waits for; this keeps both alive.
        self._closing = weakref.finalize(self, landmarker.close)
        self._closing.atexit = False  # too late: that thread is gone by then
        return landmarker

    def _far(self, image: Image, known: Sequence[Scores]) -> Iterator[Face]:
        """Look for faces that are small in the picture, and none of those known; one in two boxes is given once."""
        size = np.array([image.shape[1], image.shape[0], image.shape[1]], np.float32)
        given = list(known)
        for row in self._boxes(image):
            square, corner, side = _enlarge(image, row[:4])
            for face in self._mesh(square):
                landmarks = (face.landmarks * side + np.append(corner, 0)) / size
                gap = np.linalg.norm(landmarks[FIVE, :2] * size[:2] - row[4:14].reshape(5, 2), axis=1).mean()
                enlarged = replace(face, landmarks=landmarks.astype(np.float32), score=float(row[14]))
                if gap < AGREEMENT * row[2:4].max() and all(overlap(enlarged.box, box) < 0.5 for box in given):
                    given.append(enlarged.box)
                    yield enlarged

    def _boxes(self, image: Image) -> NDArray[np.float32]:
        """Ask YuNet: rows of left, top, width, height, five points x, y [10], score; in pixels of the picture."""
        scale = min(1.0, LONGEST / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        size = (small.shape[1], small.shape[0])
        if self._yunet is None:
            with hushed():
                self._yunet = cv2.FaceDetectorYN.create(str(locate("yunet")), "", size, self.score, 0.3, self.most)
        self._yunet.setInputSize(size)
        rows = self._yunet.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if rows is None:
            return np.zeros((0, 15), np.float32)
        rows[:, :14] /= scale
        return np.asarray(rows, np.float32)


def angles(matrix: Array) -> Scores:
    """Yaw, pitch and roll in degrees [3] of a head whose axes a rigid matrix [4, 4] moves (x right, y up, z to us).

    Positive yaw: the nose points to the right of the picture; positive pitch: down; positive roll: the head leans to
    the right of the picture (clockwise as we see it).
    """
    turned = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    yaw = np.arctan2(turned[0, 2], turned[2, 2])
    pitch = np.arcsin(np.clip(-turned[1, 2], -1, 1))
    roll = -np.arctan2(turned[1, 0], turned[1, 1])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)


def square(box: Array, shape: tuple[int, ...]) -> Scores:
    """Widen a box in a picture of that shape to the square of pixels around it, which may reach beyond the picture."""
    pixels = np.array([shape[1], shape[0]])
    half = float(((box[2:] - box[:2]) * pixels).max()) / 2 / pixels
    middle = (box[:2] + box[2:]) / 2
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def overlap(first: Array, second: Array) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    inner = _area(np.concatenate([np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])]))
    return inner / max(_area(first) + _area(second) - inner, 1e-12)


def _as_mediapipe(image: Image) -> mediapipe.Image:
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)


def _area(box: Array) -> float:
    return float(np.prod(np.clip(box[2:] - box[:2], 0, None)))


def _enlarge(image: Image, box: Array) -> tuple[Image, Array, float]:
    """Cut the square around a box (left, top, width, height): the picture of it, its upper left corner, its side."""
    side = AROUND * float(box[2:].max())
    corner = box[:2] + box[2:] / 2 - side / 2
    scale = ENLARGED / side
    move = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    return cv2.warpAffine(image, move, (ENLARGED, ENLARGED), flags=cv2.INTER_LINEAR), corner, side
