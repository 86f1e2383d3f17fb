"""From a class's name to a picture of it: shape → pose → scene → picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.samples import pose, scene, shapes
from utils.samples.dice import Dice, Ints
from utils.samples.raster import Points
from utils.samples.scene import Colour, Patch


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
    """A picture of the class called `name`, uint8 [height, width, 3]; loose parts come from the `others`."""
    shape = shapes.load(name)
    ground = dice.choice(shape.scenes) if dice.chance(hardness.at_home) else dice.choice(tuple(scene.GROUNDS))
    canvas = scene.background(dice, ground, height, width)
    clutter, litter = dice.between(0, hardness.clutter), dice.between(0, hardness.litter) if others else 0
    patches = [Patch([scene.blob(dice, height, width, (10, 60))], _any_colour(dice)) for _ in range(clutter)]
    patches += [_loose_part(dice, dice.choice(others), height, width) for _ in range(litter)]
    view = dice.choice(shape.views)
    points = pose.place(view.points, dice, height, width, hardness.span, shape.turn, hardness.bend)
    patches += _figure(dice, shape, view, points, height, width)
    if dice.chance(hardness.cover):
        patches.append(Patch([scene.blob(dice, height, width, (15, 40))], _any_colour(dice)))
    scene.paint(canvas, patches)
    return scene.finish(canvas, dice, light=hardness.light, blur=hardness.blur, noise=hardness.noise)


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
    points = pose.place(view.points, dice, height, width, (40, 90), 180, 10)
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
        red, green, blue = (c * 2 // 3 if mark == "-" else c + (255 - c) * 2 // 5 for c in colour)
        colour = red, green, blue
    return colour
