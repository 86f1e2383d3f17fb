"""The course's pictures: importing this module applies its one matplotlib style.

Each function returns `(figure, axes)` and shows nothing itself: a notebook shows the figure at the end of
the cell (no semicolon is needed), a script calls `matplotlib.pyplot.show()`. Arrays may be NumPy's, JAX's, or whatever
`numpy.asarray` takes.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from utils.base import alt_text, notebook
from utils.base.errors import CourseError
from utils.base.paths import RESSOURCES

plt.style.use(RESSOURCES / "course.mplstyle")


def _png(figure: Figure) -> Any:
    """A notebook's picture of a figure: in the screen's full resolution, with what is seen in it in words."""
    from IPython.core.pylabtools import retina_figure  # late: a script needs none

    made = retina_figure(figure, base64=True, bbox_inches="tight")  # type: ignore[no-untyped-call, unused-ignore]
    if not made:
        return None
    picture, size = made
    return picture, {**size, "alt": alt_text.described(figure), "drawn": not alt_text.keeps_its_colours(figure)}


if shell := notebook.shell():
    importlib.import_module("matplotlib_inline.backend_inline")  # sets its own way first, which is replaced here
    shell.display_formatter.formatters["image/png"].for_type(Figure, _png)

STRONG = "C0"  # the bar that is meant
PALE = "#7894A9"  # the others
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
    cmap: str = "gray",
) -> Drawn:
    """A grid of pictures, row by row.

    Args:
        images: [N, H, W], [N, H, W, 1] or [N, H, W, 3]; uint8 in 0..255, or float in 0..1. Float values outside 0..1
            (pictures that were normalised) are stretched to 0..1, by one range for all the pictures.
        titles: N short texts, one above each picture.
        columns: how many stand in a row.
        size: width of a picture in inches.
        title: of the whole.
        cmap: the colours of pictures with one channel.

    Returns:
        The figure and its axes, [rows, columns].

    Raises:
        CourseError: the shapes are others, or there are not as many titles as pictures.
    """
    pictures = np.asarray(images)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if not (pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[-1] == 3)) or len(pictures) == 0:
        raise CourseError(
            "plots.images wants at least one picture, [N, H, W], [N, H, W, 1] or [N, H, W, 3]; "
            f"got shape {np.shape(images)}."
        )
    if titles is not None and len(titles) != len(pictures):
        raise CourseError(
            f"plots.images got {len(pictures)} pictures and {len(titles)} titles. Give one title for each."
        )
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
            place.set_title(str(titles[i]), fontsize=9, fontweight="normal", loc="center", color="#333333", pad=3)
    return _headed(figure, axes, title)


def curves(
    history: Mapping[str, Any],
    *,
    xlabel: str = "epoch",
    title: str | None = None,
    log: bool = False,
) -> Drawn:
    """Training curves: one panel for each quantity, one line for each series.

    Args:
        history: name → values, one an epoch, e.g. `{"train_loss": [...], "validation_loss": [...]}`. The last word of a
            name (`loss`, `accuracy`) is its panel, what stands before it is the line's label. Accuracies, in 0..1, are
            shown as per cent. Not-a-number leaves a gap.
        xlabel: what is counted, from 1.
        title: of the whole.
        log: whether losses stand on a logarithmic axis.

    Returns:
        The figure and its axes, [panels].

    Raises:
        CourseError: a curve has no numbers.
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
            marker, colour = "o" if len(values) <= 20 else None, f"C{labels.index(label) % 7}"
            place.plot(range(1, len(values) + 1), values, label=label, color=colour, marker=marker)
        place.set(xlabel=xlabel, title=quantity)
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity in PERCENT_WORDS:
            place.yaxis.set_major_formatter(PercentFormatter(1.0))
        elif log:
            place.set_yscale("log")
        if any(label for label, _ in lines):
            place.legend()
    return _headed(figure, axes[0], title)


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

    Args:
        labels: N names.
        values: N numbers.
        unit: follows each number.
        title: of the whole.
        better: says which direction is better, and makes the best bar stand out.
        ranges: N pairs (lowest, highest), drawn as a thin line, e.g. minimum and maximum of repeated timings.
        decimals: figures after the point; by default three significant figures.

    Returns:
        The figure and its axes.

    Raises:
        CourseError: there are not as many values as labels, or `better` is something else.
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or len(numbers) == 0 or len(labels) != len(numbers):
        raise CourseError(
            f"plots.bars got {len(labels)} labels and values of shape {numbers.shape}. "
            "Give one label for each value, at least one of them."
        )
    if better not in (None, "lower", "higher"):
        raise CourseError(f'plots.bars: better is "lower", "higher" or None, not {better!r}.')
    best = None if better is None else int(np.nanargmin(numbers) if better == "lower" else np.nanargmax(numbers))
    colours = [STRONG if better is None or i == best else PALE for i in range(len(numbers))]
    errors = None if ranges is None else np.abs(np.asarray(ranges, dtype=float).T - numbers)  # [2, N]

    figure, place = plt.subplots(figsize=(6.4, 0.55 + 0.36 * len(numbers) + (0.3 if title or better else 0)))
    line = {"ecolor": "#333333", "elinewidth": 1.2}
    drawn = place.barh(range(len(numbers)), numbers, xerr=errors, color=colours, height=0.68, error_kw=line)
    texts = [_three_figures(number) if decimals is None else f"{number:.{decimals}f}" for number in numbers]
    place.bar_label(drawn, [f"{text} {unit}".strip() for text in texts], padding=4, fontsize=9)
    place.set_yticks(range(len(numbers)), labels)
    place.invert_yaxis()
    place.grid(visible=False)
    place.spines[["bottom", "left"]].set_visible(False)
    place.tick_params(left=False, bottom=False, labelbottom=False)
    place.margins(x=0.18)
    headings = (title, better and f"{better} is better")
    place.set_title(" — ".join(heading for heading in headings if heading), loc="left")
    return Drawn(figure, place)


def confusion(matrix: Any, classes: Sequence[str], *, title: str | None = None) -> Drawn:
    """A confusion matrix with its counts, mistakes shaded.

    Args:
        matrix: [K, K] counts, true class by row, predicted class by column.
        classes: K names.
        title: of the whole.

    Returns:
        The figure and its axes.

    Raises:
        CourseError: there are not as many names as rows and columns.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)):
        raise CourseError(
            f"plots.confusion got {len(classes)} classes and a matrix of shape {counts.shape}. "
            "Give a square matrix, and a name for each of its rows."
        )
    shade = counts.astype(float)
    np.fill_diagonal(shade, 0.0)
    side = 1.6 + 0.36 * len(classes)
    figure, place = plt.subplots(figsize=(side, side))
    told = f"{np.trace(counts):g} of {counts.sum():g} right"
    if shade.any():
        true, predicted = divmod(int(shade.argmax()), len(classes))
        told += f", most often mistaken: {classes[true]} for {classes[predicted]}, {shade.max():g} times"
    place.imshow(shade, cmap="Reds", vmax=max(1.0, float(shade.max()) * 1.4)).set_label(told)  # for alternative text
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


def _headed(figure: Figure, axes: Any, title: str | None) -> Drawn:
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return Drawn(figure, axes)


def _to_unit_range(pictures: np.ndarray) -> np.ndarray:
    """The pictures as float32 in 0..1."""
    floats = pictures.astype(np.float32) / (255 if pictures.dtype == np.uint8 else 1)
    low, high = float(np.nanmin(floats)), float(np.nanmax(floats))
    return floats if low >= 0 and high <= 1 else (floats - low) / max(high - low, 1e-12)


def _three_figures(number: float) -> str:
    if not math.isfinite(number):
        return str(number)
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.{max(0, 2 - math.floor(math.log10(abs(number))))}f}"
