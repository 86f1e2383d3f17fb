"""Where a shape stands in a picture, and how: size, tilt, mirror, slant, bend, shift."""

from __future__ import annotations

from utils.samples.dice import Dice
from utils.samples.raster import PIXEL, Points
from utils.samples.shapes import UNIT, cosine, sine

SQUARE = 200 * UNIT  # the side of the square in which shapes are given


def place(points: Points, dice: Dice, height: int, width: int, span: tuple[int, int], turn: int, bend: int) -> Points:
    """Put a shape's points, int64 [N, 2] in 1/UNIT, into a picture; int64 [N, 2] in 1/PIXEL pixel.

    The square becomes span % of the picture's shorter side; it is tilted by up to `turn` degrees, and its
    rows and columns are shifted against one another by up to about `bend` %, so no two have quite the same
    outline.
    """
    x, y = points[:, 0], points[:, 1]
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
    middle = []
    for side in (width, height):
        room = max((side + short) * PIXEL // 2 - size, 0) // 2 + short * PIXEL // 20
        middle.append(side * PIXEL // 2 + dice.between(-room, room))
    placed = points.copy()
    placed[:, 0] = x * size // SQUARE + middle[0]
    placed[:, 1] = y * size // SQUARE + middle[1]
    return placed
