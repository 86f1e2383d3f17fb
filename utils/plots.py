"""The course's pictures: importing this module applies its one matplotlib style.

Each function returns `(figure, axes)` and shows nothing itself: a notebook shows the figure at the end of
the cell (no semicolon is needed), a script calls `matplotlib.pyplot.show()`. Arrays may be NumPy's, JAX's, or whatever
`numpy.asarray` takes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from utils.base.errors import CourseError
from utils.base.paths import RESSOURCES, shown

plt.style.use(RESSOURCES / "course.mplstyle")

STRONG = "#0072B2"  # the bar that is meant
PALE = "#A9BFCF"  # the others
PERCENT_WORDS = ("accuracy", "recall", "precision")


class Drawn(NamedTuple):
    """A figure and its axes. As the last value of a cell it prints nothing: the figure is shown already."""

    figure: Figure
    axes: Any

    def _ipython_display_(self, **_: Any) -> None:
        pass


def images(
    images: Any,
    titles: Sequence[object] | None = None,
    *,
    columns: int = 8,
    size: float = 1.1,
    title: str | None = None,
    colours: Sequence[str] | None = None,
    cmap: str = "gray",
) -> Drawn:
    """A grid of pictures, row by row.

    images: [N, H, W], [N, H, W, 1] or [N, H, W, 3]; uint8 in 0..255, or float in 0..1. Float values
    outside 0..1 (pictures that were normalised) are stretched to 0..1, by one range for all the pictures.
    titles: N short texts, one above each picture; `colours` are their N colours.
    size: width of a picture in inches. `cmap` is for pictures with one channel.
    Returns the figure and its axes, [rows, columns].
    """
    pictures = np.asarray(images)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if not (pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[-1] == 3)) or len(pictures) == 0:
        raise CourseError(
            "plots.images wants at least one picture, [N, H, W], [N, H, W, 1] or [N, H, W, 3]; "
            f"got shape {np.shape(images)}."
        )
    for name, texts in (("titles", titles), ("colours", colours)):
        if texts is not None and len(texts) != len(pictures):
            raise CourseError(f"plots.images got {len(pictures)} pictures and {len(texts)} {name}.")
    pictures = _to_unit_range(pictures)

    columns = max(1, min(columns, len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height = size * pictures.shape[1] / pictures.shape[2]
    if titles is not None:
        height += 0.24 * max(1 + str(text).count("\n") for text in titles)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, height * rows + (0.35 if title else 0)), squeeze=False
    )
    for place in axes.flat:
        place.axis("off")
    for i, (place, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        place.imshow(picture, cmap=cmap, vmin=0, vmax=1)
        if titles is not None:
            colour = colours[i] if colours is not None else "#333333"
            place.set_title(str(titles[i]), fontsize=9, fontweight="normal", loc="center", color=colour, pad=3)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return Drawn(figure, axes)


def curves(
    history: Mapping[str, Any],
    *,
    x: Sequence[float] | None = None,
    xlabel: str = "epoch",
    title: str | None = None,
    log: bool = False,
) -> Drawn:
    """Training curves: one panel for each quantity, one line for each series.

    history: name → values, one an epoch, e.g. `{"train_loss": [...], "validation_loss": [...]}`.
    The last word of a name (`loss`, `accuracy`) is its panel, what stands before it is the line's label.
    Accuracies, in 0..1, are shown as per cent. Not-a-number leaves a gap.
    x: where the values stand, by default 1, 2, 3 …; `log` puts the losses on a logarithmic axis.
    Returns the figure and its axes, [panels].
    """
    series = {name: np.asarray(values, dtype=float) for name, values in history.items()}
    if not series or any(values.ndim != 1 or values.size == 0 for values in series.values()):
        raise CourseError("plots.curves wants a dictionary of non-empty lists of numbers, one list for each curve.")
    panels: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, values in series.items():
        label, _, quantity = name.replace("_", " ").rpartition(" ")
        panels.setdefault(quantity, []).append((label, values))
    labels = list(dict.fromkeys(label for lines in panels.values() for label, _ in lines))

    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.1), squeeze=False)
    for place, (quantity, lines) in zip(axes[0], panels.items(), strict=True):
        for label, values in lines:
            where = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
            if len(where) != len(values):
                raise CourseError(f"plots.curves got {len(where)} places on the x axis for {len(values)} values.")
            marker = "o" if len(values) <= 20 else None
            place.plot(where, values, label=label, color=f"C{labels.index(label) % 7}", marker=marker)
        place.set(xlabel=xlabel, title=quantity)
        if x is None:
            place.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity in PERCENT_WORDS:
            place.yaxis.set_major_formatter(PercentFormatter(1.0))
        elif log:
            place.set_yscale("log")
        if any(label for label, _ in lines):
            place.legend()
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return Drawn(figure, axes[0])


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    unit: str = "",
    title: str | None = None,
    better: Literal["lower", "higher"] | None = None,
    ranges: Sequence[tuple[float, float]] | None = None,
    decimals: int | None = None,
) -> Drawn:
    """Horizontal bars with their values written beside them, the first on top.

    labels, values: N names and N numbers. `unit` follows each number.
    better: says which direction is better, and makes the best bar stand out.
    ranges: N pairs (lowest, highest), drawn as a thin line, e.g. minimum and maximum of repeated timings.
    decimals: figures after the point; by default three significant figures.
    Returns the figure and its axes.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or len(numbers) == 0 or len(labels) != len(numbers):
        raise CourseError(
            f"plots.bars wants as many values as labels; got {len(labels)} labels, {numbers.size} values."
        )
    if better not in (None, "lower", "higher"):
        raise CourseError(f'plots.bars: better is "lower", "higher" or None, not {better!r}.')
    best = None if better is None else int(np.nanargmin(numbers) if better == "lower" else np.nanargmax(numbers))
    colours = [STRONG if better is None or i == best else PALE for i in range(len(numbers))]

    figure, place = plt.subplots(figsize=(6.4, 0.55 + 0.36 * len(numbers) + (0.3 if title or better else 0)))
    rows = np.arange(len(numbers))
    place.barh(rows, numbers, color=colours, height=0.68)
    ends = numbers.copy()
    if ranges is not None:
        low, high = np.asarray(ranges, dtype=float).T
        place.hlines(rows, low, high, color="#333333", linewidth=1.2)
        ends = np.maximum(ends, high)
    for row, number, end in zip(rows, numbers, ends, strict=True):
        text = f"{number:.{decimals}f}" if decimals is not None else _three_figures(number)
        place.annotate(
            f"{text} {unit}".strip(),
            (max(end, 0.0), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    place.set_yticks(rows, labels)
    place.invert_yaxis()
    place.grid(visible=False)
    place.spines[["bottom", "left"]].set_visible(False)
    place.tick_params(left=False, bottom=False, labelbottom=False)
    place.margins(x=0.18)
    heading = title or ""
    if better:
        heading += f"{' — ' if heading else ''}{better} is better"
    if heading:
        place.set_title(heading, loc="left")
    return Drawn(figure, place)


def confusion(matrix: Any, classes: Sequence[str], *, title: str | None = None) -> Drawn:
    """A confusion matrix with its counts, mistakes shaded.

    matrix: [K, K] counts, true class by row, predicted class by column. classes: K names.
    Returns the figure and its axes.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)):
        raise CourseError(f"plots.confusion got {len(classes)} classes and a matrix of shape {counts.shape}.")
    shade = counts.astype(float)
    np.fill_diagonal(shade, 0.0)
    side = 1.6 + 0.36 * len(classes)
    figure, place = plt.subplots(figsize=(side, side))
    place.imshow(shade, cmap="Reds", vmax=max(1.0, float(shade.max()) * 1.4))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            weight = "bold" if row == column else "normal"
            place.text(column, row, f"{count:g}", ha="center", va="center", fontsize=8, fontweight=weight)
    turn = 0 if max(len(str(name)) for name in classes) <= 2 else 45
    place.set_xticks(range(len(classes)), classes, rotation=turn, ha="center" if turn == 0 else "right")
    place.set_yticks(range(len(classes)), classes)
    place.set(xlabel="predicted", ylabel="true", title=title or "")
    place.grid(visible=False)
    return Drawn(figure, place)


def show(save_as: Path) -> None:
    """Show the figures made so far: in the notebook, in windows, or, where there is no display, not at all.

    A script's last figure is then written to `save_as` (a .png), and that is said.
    """
    backend = matplotlib.get_backend().lower()
    if "inline" in backend or backend in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
        plt.show()
    elif plt.get_fignums():
        try:
            save_as.parent.mkdir(parents=True, exist_ok=True)
            plt.gcf().savefig(save_as)
        except OSError as error:
            raise CourseError(f"{shown(save_as)} cannot be written ({error.strerror}).") from error
        print(f"There is no display: the curves are in {shown(save_as)}.")


def _to_unit_range(pictures: np.ndarray) -> np.ndarray:
    """The pictures as float32 in 0..1."""
    if pictures.dtype == np.uint8:
        return pictures.astype(np.float32) / 255
    floats = pictures.astype(np.float32)
    low, high = float(np.nanmin(floats)), float(np.nanmax(floats))
    if low >= 0 and high <= 1:
        return floats
    return (floats - low) / max(high - low, 1e-12)


def _three_figures(number: float) -> str:
    if not math.isfinite(number):
        return str(number)
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.{max(0, 2 - math.floor(math.log10(abs(number))))}f}"
