"""Landmark-driven warping: one mesh per portrait, moved by action units, drawn with a single remap.

A thin-plate spline through the control points (Bookstein 1989) says how every vertex of the mesh moves with each
action unit; that is worked out once per portrait. A frame is then a weighted sum of vertex positions, a raster of
triangle numbers at half size and one `cv2.remap`: no seams, and lips and lids can close without smearing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from tuning.corpora.demo.muscles import ACTION_UNITS, CONTROLS, LOWER_LID, MIRROR, TRAITS, UPPER_LID, displacement
from tuning.corpora.demo.portraits import CANVAS, EYE_SPAN, MESH, OVAL, Portrait, portrait

Points = NDArray[np.float32]
Image = NDArray[np.uint8]

UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
"""Inner lip lines from corner to corner, point above point."""
LIDS = tuple(
    (left.get(upper, upper), left.get(lower, lower))
    for left in ({}, MIRROR)
    for upper, lower in zip((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155), strict=True)
)
"""Upper and lower lid, point above point."""
_RINGS = (1.22, 1.55, 1.95)
"""Where hair and neck get vertices of their own: the face's oval, enlarged."""
_OPENED = 0.10
"""By how much the lips stand apart while the spline is solved, so that upper and lower lip can part."""
_STIFF = 1e-3
_FLAT = 0.25
"""Twice the area, in pixels at half size, below which a triangle counts as closed."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A portrait's vertices, its triangles, and how each move displaces the vertices, in pixels of the canvas."""

    points: Points  # [V, 2] in the portrait
    depth: NDArray[np.float32]  # [V] towards the camera, 0 at the oval and outside
    triangles: NDArray[np.int64]  # [N, 3], those inside mouth and eyes first
    moves: Mapping[str, Points]  # action unit, or trait → [V, 2]


@lru_cache(maxsize=2)
def mesh(name: str) -> Mesh:
    """Build the mesh of a portrait."""
    face = portrait(name)
    points = np.concatenate([face.points[:, :2], _outside(face)])
    rest = _open_lips(points)
    spread = _spline(rest)
    tables = {**ACTION_UNITS, **TRAITS}
    moves = {key: (spread @ displacement(table) * EYE_SPAN).astype(np.float32) for key, table in tables.items()}
    return Mesh(points, _depth(face, len(points)), _triangles(rest), moves)


def _outside(face: Portrait) -> Points:
    """Vertices round the face and on the border of the canvas."""
    oval = face.points[list(OVAL)[::2], :2]
    centre = oval.mean(axis=0)
    rings = np.concatenate([centre + (oval - centre) * scale for scale in _RINGS])
    far = CANVAS + 60.0
    edge = np.linspace(-60.0, far, 7)
    border = np.concatenate([np.stack([edge, np.full(7, end)], 1) for end in (-60.0, far)])
    border = np.concatenate([border, border[:, ::-1]])
    inside = np.all((rings > -20) & (rings < CANVAS + 20), axis=1)
    return np.asarray(np.concatenate([rings[inside], np.unique(border, axis=0)]), np.float32)


def _open_lips(points: Points) -> Points:
    """Part the lips of the mesh as a lens, so that no two vertices coincide."""
    left, right = points[61], points[291]
    middle, half = (left + right) / 2, (right[0] - left[0]) / 2
    line = np.interp(points[:, 0], points[list(LOWER_LIP), 0], points[list(LOWER_LIP), 1])
    below = points[:, 1] >= line - 1e-3
    below[list(UPPER_LIP)], below[list(LOWER_LIP)] = False, True
    missing = max(0.0, _OPENED * EYE_SPAN - float(points[14, 1] - points[13, 1]))
    lens = np.clip(1 - ((points[:, 0] - middle[0]) / half) ** 2, 0, 1)
    fade = np.exp(-np.clip(points[:, 1] - line, 0, None) / (0.35 * EYE_SPAN))
    opened = points.copy()
    opened[:, 1] += np.where(below & (np.arange(len(points)) < MESH), missing * lens * fade, 0)
    return opened


def _kernel(one: Points, other: Points) -> NDArray[np.float64]:
    """Thin-plate kernel r² log r² between two sets of points."""
    squared = ((one[:, None].astype(np.float64) - other[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-9)))


def _spline(points: Points) -> NDArray[np.float64]:
    """Return how the vertices [V] follow the control points [C]: displacements of vertices = [V, C] @ [C, 2]."""
    units = (points / EYE_SPAN).astype(np.float32)
    border = np.flatnonzero(np.any((points < -20) | (points > CANVAS + 20), axis=1))
    anchors = np.concatenate([np.array(CONTROLS), border])
    fixed = units[anchors]
    count = len(anchors)
    system = np.zeros((count + 3, count + 3))
    plane = np.concatenate([np.ones((count, 1)), fixed], axis=1)
    system[:count, :count] = _kernel(fixed, fixed) + _STIFF * np.eye(count)
    system[:count, count:], system[count:, :count] = plane, plane.T
    basis = np.concatenate([_kernel(units, fixed), np.ones((len(units), 1)), units], axis=1)
    return np.asarray((basis @ np.linalg.inv(system))[:, : len(CONTROLS)])


def _depth(face: Portrait, count: int) -> NDArray[np.float32]:
    """Towards the camera, from the plane of the oval on."""
    depth = np.zeros(count, np.float32)
    plane = float(np.median(face.points[list(OVAL), 2]))
    depth[:MESH] = np.clip(plane - face.points[:, 2], 0, None)
    return depth


def _triangles(points: Points) -> NDArray[np.int64]:
    """Delaunay triangles; those of mouth and eyes first, because they may be covered by what closes over them."""
    triangles = Delaunay(points.astype(np.float64)).simplices.astype(np.int64)
    eyes = [{*UPPER_LID, *LOWER_LID}, {MIRROR[point] for point in (*UPPER_LID, *LOWER_LID)}]
    holes = [{*UPPER_LIP, *LOWER_LIP}, *eyes]
    hollow = np.array([any(set(row) <= hole for hole in holes) for row in triangles.tolist()])
    return np.concatenate([triangles[hollow], triangles[~hollow]])


def close(points: Points) -> Points:
    """Keep lips and lids from passing through each other."""
    closed = points.copy()
    for upper, lower in (*zip(UPPER_LIP[1:-1], LOWER_LIP[1:-1], strict=True), *LIDS):
        if closed[lower, 1] < closed[upper, 1]:
            closed[[upper, lower], 1] = (closed[lower, 1] + closed[upper, 1]) / 2
    return closed


def draw(image: Image, shape: Mesh, placed: Points, size: int) -> Image:
    """Draw the portrait with its vertices moved to `placed` [V, 2], as a square picture of `size` pixels."""
    half = (size + 1) // 2
    low = (placed - 0.5) / 2
    labels = np.zeros((half, half), np.int32)
    corners = low[shape.triangles]  # [N, 3, 2]
    fixed = np.round(np.clip(corners, -2000, 2000) * 16).astype(np.int32)
    for number, triangle in enumerate(fixed):
        cv2.fillConvexPoly(labels, triangle, number, cv2.LINE_8, 4)
    maps = _affines(corners.astype(np.float32), shape.points[shape.triangles])[labels]  # [half, half, 2, 3]
    y, x = np.mgrid[0:half, 0:half].astype(np.float32)
    where = maps[..., 0] * x[..., None] + maps[..., 1] * y[..., None] + maps[..., 2]
    where = cv2.resize(where, (2 * half, 2 * half), interpolation=cv2.INTER_LINEAR)[:size, :size]
    return np.asarray(cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _affines(to: Points, source: Points) -> NDArray[np.float32]:
    """Affine maps [N, 2, 3] that take each triangle of the picture back to the portrait."""
    first, edges = to[:, 0], (to[:, 1:] - to[:, :1]).astype(np.float64)
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    flat = area < _FLAT if np.median(area) > 0 else area > -_FLAT
    area = np.where(flat, 1.0, area)
    inverse = (
        np.stack([np.stack([edges[:, 1, 1], -edges[:, 0, 1]], -1), np.stack([-edges[:, 1, 0], edges[:, 0, 0]], -1)], -2)
        / area[:, None, None]
    )
    back = np.swapaxes(source[:, 1:] - source[:, :1], 1, 2) @ np.swapaxes(inverse, 1, 2)
    back[flat] = 0  # a triangle that has closed or turned over shows one colour
    shift = np.where(flat[:, None], source.mean(axis=1), source[:, 0] - np.einsum("nij,nj->ni", back, first))
    return np.concatenate([back, shift[..., None]], axis=2).astype(np.float32)
