"""Contact sheets: what the samples look like, a row for each class, kept in `ressources/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from utils import samples
from utils.base import paths
from utils.samples import tfrecords
from utils.samples.recipes import RECIPES

COLUMNS = 10
GAP = 4
MARGIN = 132  # for the names of the classes
TITLE = 30


def write(name: str, folder: Path = paths.RESSOURCES, columns: int = COLUMNS) -> Path:
    """Write folder/samples_NAME.png with the first pictures of each class of a sample; returns its path."""
    recipe = RECIPES[name]
    place = samples.ensure(name) / recipe.place
    classes = recipe.drawing.classes if recipe.drawing else tuple("0123456789")
    rows = _first_of_each(tfrecords.read(place, "train"), len(classes), columns)
    source = "drawn by the course" if recipe.drawing else "handwriting from scikit-learn's digits"
    counts = ", ".join(f"{count:,} {split}" for split, count in recipe.counts.items())
    path = folder / f"samples_{name.split('/')[0]}.png"
    picture = sheet(rows, classes, f"The {name} sample, {source}: {counts}")
    # 256 colours: a third of the size, and no eye sees it
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def sheet(rows: list[list[np.ndarray]], names: Iterable[str], title: str) -> Image.Image:
    """A sheet of pictures (uint8 [H, W, C], any size) with a row for each name."""
    tallest = max(max(picture.shape[:2]) for row in rows for picture in row)
    cell = 64 if tallest <= 32 else 76
    step = cell + GAP
    whole = Image.new("RGB", (MARGIN + max(map(len, rows)) * step, TITLE + len(rows) * step), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    pen.text((8, 8), title, fill="black", font=font)
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        middle = TITLE + i * step + cell // 2
        pen.text((MARGIN - 10, middle), name, fill="black", font=font, anchor="rm")
        for j, picture in enumerate(row):
            small = Image.fromarray(picture.squeeze()).convert("RGB")
            if tallest <= 32:
                small = small.resize((2 * small.width, 2 * small.height), Image.Resampling.NEAREST)
            else:
                small.thumbnail((cell, cell))
            whole.paste(small, (MARGIN + j * step + (cell - small.width) // 2, middle - small.height // 2))
    return whole


def _first_of_each(examples: Iterable[tfrecords.Example], classes: int, count: int) -> list[list[np.ndarray]]:
    """The first `count` pictures of each class."""
    rows: list[list[np.ndarray]] = [[] for _ in range(classes)]
    for example in examples:
        row = rows[int(example["label"])]
        if len(row) < count:
            row.append(example["image"])
        if all(len(row) == count for row in rows):
            break
    return rows
