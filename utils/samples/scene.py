"""What stands around and over a shape: backgrounds, clutter, light, blur and noise. All in whole numbers.

A picture in the making is int32 [H, W, 3], 0 … 255 but for a while beyond; a field is int32 [H, W].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from utils.samples import raster
from utils.samples.dice import Dice, Ints
from utils.samples.raster import FULL_BITS, PIXEL, Points
from utils.samples.shapes import cosine, sine

Colour = tuple[int, ...]  # red, green, blue


class Ground(NamedTuple):
    """A kind of background: the colours of its upper and of its lower half, and how grainy each is (0 … 100)."""

    upper: tuple[Colour, ...]
    lower: tuple[Colour, ...]
    grain: tuple[int, int]


SKY: tuple[Colour, ...] = ((120, 170, 225), (165, 195, 225), (205, 210, 215), (90, 130, 190), (225, 190, 160))
GREEN: tuple[Colour, ...] = ((70, 110, 50), (105, 135, 60), (50, 85, 45), (135, 145, 80))
EARTH: tuple[Colour, ...] = ((150, 125, 90), (120, 95, 70), (185, 165, 125), (95, 85, 75))
STONE: tuple[Colour, ...] = ((130, 130, 130), (95, 97, 102), (165, 160, 152), (70, 72, 78))
WATER: tuple[Colour, ...] = ((50, 95, 135), (75, 120, 140), (40, 70, 95), (110, 145, 160))
CLOTH: tuple[Colour, ...] = (
    (165, 70, 60),
    (90, 100, 140),
    (190, 170, 140),
    (120, 90, 110),
    (205, 200, 190),
    (70, 95, 90),
)

GROUNDS: dict[str, Ground] = {
    "sky": Ground(SKY, SKY, (12, 12)),
    "grass": Ground(SKY + GREEN, GREEN, (15, 45)),
    "forest": Ground(GREEN, GREEN + EARTH, (60, 45)),
    "water": Ground(SKY, WATER, (12, 30)),
    "road": Ground(SKY + STONE, STONE, (25, 20)),
    "field": Ground(SKY, EARTH, (15, 40)),
    "room": Ground(CLOTH, CLOTH + EARTH, (10, 25)),
    "wall": Ground(STONE + CLOTH, STONE + EARTH, (20, 20)),
}


def smooth_noise(dice: Dice, height: int, width: int, cell: int, low: int, high: int) -> Ints:
    """A field of low … high with hills `cell` pixels wide: random numbers on a grid, filled in between."""
    grid = dice.array((height // cell + 2, width // cell + 2), low, high)
    shift_y, shift_x = dice.between(0, cell - 1), dice.between(0, cell - 1)
    rows, columns = np.arange(height) + shift_y, np.arange(width) + shift_x
    i, j = np.minimum(rows // cell, grid.shape[0] - 2), np.minimum(columns // cell, grid.shape[1] - 2)
    v = np.minimum(rows - i * cell, cell)[:, None].astype(np.int32)
    u = np.minimum(columns - j * cell, cell)[None, :].astype(np.int32)
    across = grid[:, j] * (cell - u) + grid[:, j + 1] * u  # [gh, W]
    field: Ints = (across[i] * (cell - v) + across[i + 1] * v) // (cell * cell)
    return field


def slope(dice: Dice, height: int, width: int, strength: int) -> Ints:
    """A field that rises evenly from −strength to strength across the picture, in a random direction."""
    angle = dice.between(0, 359)
    y = (2 * np.arange(height, dtype=np.int32) - height + 1)[:, None] * sine(angle)
    x = (2 * np.arange(width, dtype=np.int32) - width + 1)[None, :] * cosine(angle)
    field: Ints = (x + y) * strength // (1024 * max(height, width))
    return field


def vary(dice: Dice, colour: Colour, by: int) -> Colour:
    """The colour, lighter or darker, and each of its channels a little different."""
    all_by = dice.between(-by, by)
    return tuple(min(max(c + all_by + dice.between(-by // 2, by // 2), 0), 255) for c in colour)


def background(dice: Dice, name: str, height: int, width: int) -> Ints:
    """A background of the kind called `name`: two halves, shaded and grainy, with a slanting line between."""
    ground = GROUNDS[name]
    line = height * dice.between(25, 75) // 100 + slope(dice, 1, width, height * dice.between(0, 12) // 100)  # [1, W]
    below = np.arange(height)[:, None] > line  # [H, W]
    colours, shades = [], []
    for choices, grain in zip((ground.upper, ground.lower), ground.grain, strict=True):
        coarse = smooth_noise(dice, height, width, max(min(height, width) // dice.between(2, 5), 2), -grain, grain)
        fine = smooth_noise(dice, height, width, max(min(height, width) // dice.between(10, 40), 1), -grain, grain)
        shades.append(coarse + fine + slope(dice, height, width, dice.between(0, 35)))
        colours.append(np.array(vary(dice, dice.choice(choices), 35), np.int32))
    picture: Ints = np.where(below[..., None], colours[1], colours[0])
    picture += np.where(below, shades[1], shades[0])[..., None]
    return picture


class Patch(NamedTuple):
    """Something to paint: polygons (int64 [N, 2] in 1/PIXEL pixel), a colour, a field added to the colour."""

    polygons: Sequence[Points]
    colour: Colour
    shade: Ints | None = None


def paint(picture: Ints, patches: Sequence[Patch]) -> None:
    """Paint the patches on the picture, in place, one over the other."""
    covers = raster.covers([patch.polygons for patch in patches], *picture.shape[:2])
    for (_, colour, shade), (amount, top, left) in zip(patches, covers, strict=True):
        height, width = amount.shape
        place = (slice(top, top + height), slice(left, left + width))
        over = np.array(colour, np.int32)
        if shade is not None:
            over = over + shade[place][..., None]
        under = picture[place]
        under += (over - under) * amount[..., None] >> FULL_BITS


def blob(dice: Dice, height: int, width: int, size: tuple[int, int]) -> Points:
    """A random patch: a box, a pole or something rounded, `size` % of the picture's shorter side, anywhere."""
    side = min(height, width) * PIXEL
    rx, ry = (side * dice.between(*size) // 200 for _ in range(2))
    kind = dice.between(0, 2)
    corners = 4 if kind < 2 else dice.between(6, 9)
    if kind == 1:
        rx, ry = max(rx // 5, PIXEL // 2), ry * 3
    tilt = dice.between(-12, 12) if kind < 2 else dice.between(0, 359)
    points = []
    for k in range(corners):
        angle = tilt + 360 * k // corners + 45
        reach = 100 if kind < 2 else dice.between(60, 130)
        points.append((rx * cosine(angle) * reach // 102_400, ry * sine(angle) * reach // 102_400))
    middle = (dice.between(0, width * PIXEL), dice.between(0, height * PIXEL))
    return np.array(points, np.int64) + middle


def finish(picture: Ints, dice: Dice, *, light: int, blur: int, noise: int) -> npt.NDArray[np.uint8]:
    """Light falling across the picture, up to `blur` passes of a 3×3 blur, noise; cut to 0 … 255 as uint8."""
    height, width = picture.shape[:2]
    gain = 256 + slope(dice, height, width, dice.between(0, light)) + dice.between(-light // 2, light // 2)
    picture = (picture * gain[..., None] >> 8) + dice.between(-light // 6, light // 6)
    for _ in range(dice.between(0, blur)):
        picture = _blur(picture)
    grain = dice.between(noise // 3, noise)
    picture = picture + dice.array(picture.shape, -grain, grain)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _blur(picture: Ints) -> Ints:
    """Each pixel with its neighbours, (1 2 1) in both directions."""
    for axis in (0, 1):
        padded = np.concatenate([picture.take([0], axis), picture, picture.take([-1], axis)], axis)
        before, after = (padded[:-2], padded[2:]) if axis == 0 else (padded[:, :-2], padded[:, 2:])
        picture = (before + 2 * picture + after + 2) >> 2
    return picture
