"""From a class's name to a picture of it: a shape, placed in a scene, painted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.samples import scene, shapes
from utils.samples.dice import Dice, Ints
from utils.samples.raster import PIXEL, Points
from utils.samples.scene import Colour, Patch
from utils.samples.shapes import UNIT, cosine, sine

SQUARE = 200 * UNIT  # the side of the square in which shapes are given


class Hardness(NamedTuple):
    """What makes a set of drawings hard. Percentages, counts and shades of 0 … 255."""

    span: tuple[int, int] = (65, 105)  # the size of the shape, % of the shorter side
    bend: int = 10  # how far its outline is bent, %
    at_home: int = 60  # how often it is seen where its class mostly is, %
    clutter: int = 5  # so many patches at most behind it
    litter: int = 2  # so many loose parts of other classes at most
    cover: int = 35  # how often something stands in front of it, %
    light: int = 70  # how unevenly it is lit, at most
    blur: int = 1  # so many blurs at most
    noise: int = 24  # how much a pixel may be off, at most


def picture(
    name: str, dice: Dice, height: int, width: int, hardness: Hardness, others: tuple[str, ...] = ()
) -> npt.NDArray[np.uint8]:
    """A picture of the class called `name`, whose outlines stand in ressources/shapes; uint8 [height, width, 3].

    The dice decide everything that is left to chance; parts of `others`, further classes, may lie about.
    """
    shape = shapes.load(name)
    ground = dice.choice(shape.scenes) if dice.chance(hardness.at_home) else dice.choice(tuple(scene.GROUNDS))
    canvas = scene.background(dice, ground, height, width)
    clutter, litter = dice.between(0, hardness.clutter), dice.between(0, hardness.litter) if others else 0
    patches = [Patch([scene.blob(dice, height, width, (10, 60))], _any_colour(dice)) for _ in range(clutter)]
    patches += [_loose_part(dice, dice.choice(others), height, width) for _ in range(litter)]
    view = dice.choice(shape.views)
    points = _placed(view.points, dice, height, width, hardness.span, shape.turn, hardness.bend)
    patches += _figure(dice, shape, view, points, height, width)
    if dice.chance(hardness.cover):
        patches.append(Patch([scene.blob(dice, height, width, (15, 40))], _any_colour(dice)))
    scene.paint(canvas, patches)
    return scene.finish(canvas, dice, light=hardness.light, blur=hardness.blur, noise=hardness.noise)


def _placed(points: Points, dice: Dice, height: int, width: int, span: tuple[int, int], turn: int, bend: int) -> Points:
    """A shape's points, int64 [N, 2] in 1/UNIT, as they stand in a picture; int64 [N, 2] in 1/PIXEL pixel.

    The square becomes span % of the picture's shorter side; it is tilted by up to `turn` degrees, and its
    rows and columns are shifted against one another by up to about `bend` %, so no two have quite the same
    outline.
    """
    x, y = points.T
    radius = SQUARE // 2
    # bend: each coordinate moves by a quadratic of both
    a, b, c, d, e, f = (dice.between(-bend, bend) for _ in range(6))
    xx, xy, yy = x * x // radius, x * y // radius, y * y // radius
    x, y = x + (a * yy + b * xy + c * xx) // 100, y + (d * xx + e * xy + f * yy) // 100
    # squeeze, slant and mirror
    wide, tall = dice.between(84, 116), dice.between(84, 116)
    if dice.chance(50):
        x = -x
    x = (x * wide + y * dice.between(-bend, bend)) // 100
    y = y * tall // 100
    # tilt
    angle = dice.between(-turn, turn)
    cos, sin = cosine(angle), sine(angle)
    x, y = (x * cos - y * sin) // 1024, (x * sin + y * cos) // 1024
    # size and place: the smaller it is, the farther it may go from the middle, and always a little over the edge;
    # along the longer side half as far, for the middle square is what most pipelines keep
    percent = dice.between(*span)
    short = min(height, width)
    size = percent * short * PIXEL // 100
    placed = []
    for side, along in ((width, x), (height, y)):
        room = max((side + short) * PIXEL // 2 - size, 0) // 2 + short * PIXEL // 20
        placed.append(along * size // SQUARE + side * PIXEL // 2 + dice.between(-room, room))
    return np.stack(placed, axis=1)


def _figure(dice: Dice, shape: shapes.Shape, view: shapes.View, points: Points, height: int, width: int) -> list[Patch]:
    """The parts of a view, already placed, from back to front, each in one of its paint's colours."""
    colours = {paint: scene.vary(dice, dice.choice(choices), 22) for paint, choices in shape.paints.items()}
    body = scene.slope(dice, height, width, dice.between(0, 45))
    coat = body + _coat(dice, height, width)
    contours = dice.chance(50)
    patches = []
    for part in view.parts:
        paint = part.paint.rstrip("+-")
        colour = _shaded(colours[paint], part.paint[len(paint) :])
        patches.append(Patch([points[fill] for fill in part.fills], colour, coat if paint in shape.coats else body))
        if contours and part.contours:
            patches.append(Patch([points[contour] for contour in part.contours], _shaded(colour, "--")))
    return patches


def _coat(dice: Dice, height: int, width: int) -> Ints:
    """The shades of a coat: nearly even, patched, or striped."""
    side = min(height, width)
    kind = dice.between(0, 2)
    deep = dice.between(20, 70)
    if kind == 0:
        return scene.smooth_noise(dice, height, width, max(side // 12, 1), -12, 12)
    hills = scene.smooth_noise(dice, height, width, max(side // dice.between(4, 7), 2), 0, 255)
    if kind == 1:
        return np.where(hills > 140, -deep, 10).astype(np.int32)
    waves = (np.arange(width)[None, :] * dice.between(-3, 3) + np.arange(height)[:, None]) * 1400 // side + hills
    return np.where(waves % 256 < 90, -deep, 10).astype(np.int32)


def _loose_part(dice: Dice, name: str, height: int, width: int) -> Patch:
    """One part of the class called `name`, somewhere, in any colour."""
    view = dice.choice(shapes.load(name).views)
    part = dice.choice(view.parts)
    points = _placed(view.points, dice, height, width, (40, 90), 180, 10)
    shift = np.array([dice.between(-4 * side, 4 * side) for side in (width, height)])  # a quarter of the picture
    points = points + shift
    return Patch([points[fill] for fill in part.fills], _any_colour(dice))


def _any_colour(dice: Dice) -> Colour:
    """A colour from any background, changed at random."""
    ground = dice.choice(tuple(scene.GROUNDS.values()))
    return scene.vary(dice, dice.choice((*ground.upper, *ground.lower)), 45)


def _shaded(colour: Colour, marks: str) -> Colour:
    """The colour made darker for each "-", lighter for each "+"."""
    for mark in marks:
        colour = tuple(c * 2 // 3 if mark == "-" else c + (255 - c) * 2 // 5 for c in colour)
    return colour
