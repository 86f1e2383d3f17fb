"""The outlines of the classes, read from `ressources/shapes/NAME.json`.

A file holds what a class looks like in a square from −100 to 100, x to the right and y downwards:

    {"turn": 15,                                   # it is tilted by up to so many degrees; 15 if left out
     "scenes": ["grass", "sky"],                   # the backgrounds where it is mostly seen (see scene.py)
     "paints": {"coat": ["#a0703c", "#404040"]},   # a paint's name: the colours that it may have
     "coats": ["coat"],                            # the paints that may be patched or striped
     "views": {"side": [PART, PART, …]}}           # each drawn as often as the other, parts from back to front

A part has a `paint` ("coat"; "coat-", "coat--" darker, "coat+" lighter) and one form:

    "polygon": [[x, y], …]        with corners
    "round": [[x, y], …]          with its corners cut off
    "curve": [[x, y], …]          smooth, through the points
    "ellipse": [x, y, rx, ry]
    "ring": [x, y, rx, ry, width]
    "stroke": [[x, y], …], "width": w or [w, w2]   a smooth line with round ends, w2 wide at its end
    "row": [x, y, x2, y2, count, rx, ry]           so many ellipses from one place to the other

and may say `"mirror": true` (drawn again at −x) and `"line": true` (with a dark contour in half of the drawings).
"""

from __future__ import annotations

import functools
import json
import math
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageColor

from utils.base import paths
from utils.samples.raster import Points

UNIT = 16  # the square's −100 … 100 are whole numbers of 1/UNIT here
CONTOUR = 3  # how wide a dark contour is

# the cosine of whole degrees in 1/1024: rounded once, far from any half, so no machine's libm matters
_COSINES = [round(math.cos(math.radians(degrees)) * 1024) for degrees in range(360)]


def cosine(degrees: int) -> int:
    """The cosine of whole degrees, in 1/1024."""
    return _COSINES[degrees % 360]


def sine(degrees: int) -> int:
    """The sine of whole degrees, in 1/1024."""
    return _COSINES[(degrees - 90) % 360]


def catmull_rom(t: int, parts: int) -> tuple[int, int, int, int]:
    """How much four neighbours count t/parts of the way from the second to the third, in 1/(2 · parts³)."""
    rest = parts - t
    first, third, fourth = -t * rest**2, t * (parts**2 + 4 * parts * t - 3 * t**2), -rest * t**2
    return first, 2 * parts**3 - first - third - fourth, third, fourth


class Part(NamedTuple):
    """One part of a view: its paint, its polygons and its contours, each a slice of the view's points."""

    paint: str
    fills: tuple[slice, ...]
    contours: tuple[slice, ...]


class View(NamedTuple):
    """A class seen from one side: all its points in 1/UNIT, int64 [N, 2], and its parts from back to front."""

    points: Points
    parts: tuple[Part, ...]


class Shape(NamedTuple):
    """A class: how far it tilts, where it is seen, its paints (colours as (r, g, b)) and its views."""

    turn: int
    scenes: tuple[str, ...]
    paints: dict[str, tuple[tuple[int, ...], ...]]
    coats: frozenset[str]
    views: tuple[View, ...]


@functools.cache
def load(name: str) -> Shape:
    """The shape of the class called `name`, such as "golf ball", which stands in golf_ball.json."""
    file = paths.RESSOURCES / "shapes" / f"{name.replace(' ', '_')}.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    return Shape(
        turn=data.get("turn", 15),
        scenes=tuple(data["scenes"]),
        paints={paint: tuple(map(ImageColor.getrgb, colours)) for paint, colours in data["paints"].items()},
        coats=frozenset(data.get("coats", ())),
        views=tuple(_view(parts) for parts in data["views"].values()),
    )


def _view(parts: list[dict[str, Any]]) -> View:
    points: list[Points] = []

    def keep(polygon: Points) -> slice:
        begin = sum(map(len, points))
        points.append(polygon)
        return slice(begin, begin + len(polygon))

    view = []
    for part in parts:
        fills = outlines(part)
        if part.get("mirror"):
            fills = fills + [polygon * (-1, 1) for polygon in fills]
        contours = [_ring(fill, CONTOUR * UNIT) for fill in fills] if part.get("line") else []
        view.append(Part(part["paint"], tuple(map(keep, fills)), tuple(map(keep, contours))))
    return View(np.concatenate(points), tuple(view))


def outlines(part: dict[str, Any]) -> list[Points]:
    """The polygons of a part as it stands in the file, each int64 [N, 2] in 1/UNIT."""
    match part:
        case {"polygon": points}:
            return [_scaled(points)]
        case {"curve": points}:
            return [_smooth(_scaled(points), closed=True)]
        case {"round": points}:
            return [_cut_corners(_cut_corners(_scaled(points), 8), 4)]
        case {"stroke": points, "width": [first, last]}:
            return _stroke(_smooth(_scaled(points), closed=False), first, last)
        case {"stroke": points, "width": width}:
            return _stroke(_smooth(_scaled(points), closed=False), width, width)
        case {"ellipse": [x, y, rx, ry]}:
            return [_ellipse(x, y, rx, ry)]
        case {"ring": [x, y, rx, ry, width]}:
            return [_ring(_ellipse(x, y, rx, ry), width * UNIT)]
        case {"row": [x, y, x2, y2, count, rx, ry]}:
            along = np.array([x2 - x, y2 - y]) * UNIT
            return [_ellipse(x, y, rx, ry) + along * k // max(count - 1, 1) for k in range(count)]
    raise ValueError(f"no form in {part}")


def _scaled(points: list[list[int]]) -> Points:
    return np.array(points, np.int64) * UNIT


def _ellipse(x: int, y: int, rx: int, ry: int) -> Points:
    step = 18 if max(rx, ry) > 8 else 36
    angles = range(0, 360, step)
    return np.array([(x * 1024 + rx * cosine(a), y * 1024 + ry * sine(a)) for a in angles], np.int64) * UNIT // 1024


def _smooth(points: Points, *, closed: bool) -> Points:
    """A Catmull–Rom curve through the points, four pieces between two of them."""
    if closed:
        before, after, later = (np.roll(points, shift, axis=0) for shift in (1, -1, -2))
        now = points
    else:
        whole = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
        before, now, after, later = whole[:-3], whole[1:-2], whole[2:-1], whole[3:]
    pieces = []
    for first, second, third, fourth in (catmull_rom(t, 4) for t in range(4)):
        pieces.append((first * before + second * now + third * after + fourth * later) // 128)
    curve = np.stack(pieces, axis=1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def _cut_corners(points: Points, share: int) -> Points:
    """Each corner replaced by two points, 1/share of the way along its sides (G. Chaikin 1974: a quarter)."""
    after = np.roll(points, -1, axis=0)
    near, far = (share - 1) * points + after, points + (share - 1) * after
    return np.stack([near // share, far // share], axis=1).reshape(-1, 2)


def _normals(along: Points, length: int) -> Points:
    """Vectors of the given length at right angles to each row of `along`."""
    lengths = np.array([max(math.isqrt(int(x * x + y * y)), 1) for x, y in along])
    normals: Points = np.stack([-along[:, 1], along[:, 0]], axis=1) * length // lengths[:, None]
    return normals


def _ring(polygon: Points, width: int) -> Points:
    """The path round a polygon and back inside it, `width` apart: its contour."""
    normals = _normals(np.roll(polygon, -1, axis=0) - np.roll(polygon, 1, axis=0), width)
    outer, inner = polygon + normals // 2, polygon - normals // 2
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def _stroke(line: Points, first: int, last: int) -> list[Points]:
    """The polygons of a line, `first` wide where it begins and `last` where it ends."""
    along = np.concatenate([line[1:2] - line[:1], line[2:] - line[:-2], line[-1:] - line[-2:-1]])
    count = len(line) - 1
    widths = np.array([(first * (count - k) + last * k) * UNIT // count for k in range(count + 1)])
    sides = _normals(along, 1024) * widths[:, None] // 2048
    body = np.concatenate([line + sides, (line - sides)[::-1]])
    disc = _ellipse(0, 0, 64, 64)  # of radius 64 · UNIT
    return [body, *(disc * widths[k] // (128 * UNIT) + line[k] for k in (0, -1))]
