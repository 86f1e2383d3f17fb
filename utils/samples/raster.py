"""Filling polygons, smoothly and in whole numbers only, so that every machine gets the same pixels.

Pillow's polygons are not used: it computes their edges in floating point, where a processor that multiplies
and adds in one step ends at another pixel now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.int64]  # [N, 2]: x to the right, y downwards
PIXEL = 16  # a pixel in the unit of the points
ROWS = 4  # lines that are followed through a row of pixels
STEP = PIXEL // ROWS
FULL_BITS = 6
FULL = 1 << FULL_BITS  # the coverage of a pixel that lies wholly inside: PIXEL · ROWS


class Cover(NamedTuple):
    """How much of each pixel is covered, int32 [h, w] in 0 … FULL; pixel [0, 0] is the picture's [top, left]."""

    amount: npt.NDArray[np.int32]
    top: int
    left: int


def covers(patches: Sequence[Sequence[Points]], height: int, width: int) -> list[Cover]:
    """For each patch, what its polygons cover together of a picture of height × width pixels.

    A polygon is closed, int64 [N, 2] in 1/PIXEL pixel; a path that runs round and back inside makes a ring.
    All patches are followed at once: along each line, every edge that crosses it switches the inside on or
    off from that place rightwards, in part within the pixel where it crosses, and the running sum from the
    left is the coverage.
    """
    polygons = [polygon for patch in patches for polygon in patch]
    sizes = np.array([len(polygon) for polygon in polygons])
    begins = np.cumsum(sizes) - sizes
    start = np.concatenate(polygons)
    after = np.arange(1, len(start) + 1)
    after[begins + sizes - 1] = begins
    end = start[after]

    # the pixels that each patch may touch: [P]
    ends_of_patches = np.cumsum([len(patch) for patch in patches])
    first_points = begins[np.concatenate([[0], ends_of_patches[:-1]])]
    low, high = np.minimum.reduceat(start, first_points), np.maximum.reduceat(start, first_points)
    limit = np.array([width, height])
    near = np.clip(low // PIXEL, 0, limit)
    spans = np.maximum(np.clip(high // PIXEL + 1, 0, limit) - near, 0)
    strides = spans[:, 0] + 2
    areas = strides * spans[:, 1]
    bases = np.cumsum(areas) - areas

    # the same sense of rotation for every polygon, then each edge's patch and its lines (first … last − 1)
    turns = start[:, 0] * end[:, 1] - end[:, 0] * start[:, 1]
    senses = np.where(np.add.reduceat(turns, begins) < 0, -1, 1)
    owner = np.repeat(np.repeat(np.arange(len(patches)), [len(patch) for patch in patches]), sizes)
    down = start[:, 1] < end[:, 1]
    sign = np.where(down, 1, -1) * np.repeat(senses, sizes)
    upper, lower = np.where(down[:, None], start, end), np.where(down[:, None], end, start)
    top_line, bottom_line = near[owner, 1] * ROWS, (near[owner, 1] + spans[owner, 1]) * ROWS
    first = np.clip((upper[:, 1] + STEP // 2 - 1) // STEP, top_line, bottom_line)
    last = np.clip((lower[:, 1] + STEP // 2 - 1) // STEP, top_line, bottom_line)

    # one row for each crossing of an edge and a line
    crossings = last - first
    edge = np.repeat(np.arange(len(start)), crossings)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(crossings) - crossings - first, crossings)
    begin, along = upper[edge], (lower - upper)[edge]
    x = begin[:, 0] + (line * STEP + STEP // 2 - begin[:, 1]) * along[:, 0] // along[:, 1]
    patch = owner[edge]
    x = np.clip(x - near[patch, 0] * PIXEL, 0, spans[patch, 0] * PIXEL)
    cell = bases[patch] + (line // ROWS - near[patch, 1]) * strides[patch] + x // PIXEL
    part, sign = x % PIXEL, sign[edge]
    switch = np.bincount(
        np.concatenate([cell, cell + 1]), np.concatenate([sign * (PIXEL - part), sign * part]), int(areas.sum())
    )
    flat = np.minimum(np.abs(np.cumsum(switch.astype(np.int32), dtype=np.int32)), FULL)
    return [
        Cover(flat[base : base + area].reshape(h, stride)[:, : stride - 2], int(top), int(left))
        for base, area, stride, (_, h), (left, top) in zip(
            bases.tolist(), areas.tolist(), strides.tolist(), spans.tolist(), near.tolist(), strict=True
        )
    ]
