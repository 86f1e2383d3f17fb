"""Contact sheets: what the samples look like, a row for each class, kept in `ressources/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from utils.base import paths
from utils.samples.recipes import RECIPES, examples

COLUMNS = 10
CELL = 76  # pixels, of which a picture leaves some as a margin
MARGIN = 120  # for the names of the classes


def write(name: str, folder: Path = paths.RESSOURCES) -> Path:
    """Write `folder`/samples_NAME.png with the first COLUMNS training pictures of each class; returns its path."""
    recipe = RECIPES[name]
    classes = recipe.drawing.classes if recipe.drawing else tuple("0123456789")
    rows: list[list[np.ndarray]] = [[] for _ in classes]
    pictures = examples(name, "train")
    while any(len(row) < COLUMNS for row in rows):
        example = next(pictures)
        rows[example["label"]].append(example["image"])

    sheet = Image.new("RGB", (MARGIN + COLUMNS * CELL, (len(rows) + 1) * CELL), "white")
    pen = ImageDraw.Draw(sheet)
    source = "drawn by the course" if recipe.drawing else "handwriting from scikit-learn's digits"
    counts = ", ".join(f"{count:,} {split}" for split, count in recipe.counts.items())
    pen.text((8, CELL // 2), f"The {name} sample, {source}: {counts}", fill="black", font_size=13)
    for i, (title, row) in enumerate(zip(classes, rows, strict=True), 1):
        pen.text((8, i * CELL + CELL // 2), title, fill="black", font_size=13)
        for j, pixels in enumerate(row[:COLUMNS]):
            picture = Image.fromarray(pixels.squeeze()).convert("RGB")
            if picture.width <= 32:
                picture = ImageOps.scale(picture, 2, Image.Resampling.NEAREST)
            else:
                picture = ImageOps.contain(picture, (CELL - 4, CELL - 4))
            sheet.paste(picture, (MARGIN + j * CELL, i * CELL))
    path = folder / f"samples_{name.split('/')[0]}.png"
    # 256 colours: a third of the size, and no eye sees it
    sheet.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path
