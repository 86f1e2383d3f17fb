"""What is seen in a figure, in words: for those who do not see it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MOST = 8  # lines, bars, pictures or panels that are told one by one


def described(figure: Figure) -> str:
    """A figure's titles, axes, lines with their ends, bars with their values, pictures with theirs."""
    seen = [axes for axes in figure.axes if axes.get_visible()]
    pictures = [axes for axes in seen if axes.images and not axes.get_xlabel()]
    panels = [text for axes in seen if axes not in pictures and (text := _panel(axes))]
    told = [figure.get_suptitle(), *_first(panels, "panels")]
    if pictures:
        titles = ", ".join(_first([title for axes in pictures if (title := _title(axes))], "titles"))
        count = "a picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        told.append(f"{count}: {titles}" if titles else count)
    return " ".join(". ".join(filter(None, told)).replace("$", "").split()) or "a drawing without text"


def keeps_its_colours(figure: Figure) -> bool:
    """Whether something in it is a picture or a map of colours, which a dark page may not change."""
    mapped = (axes.images or any(part.get_array() is not None for part in axes.collections) for axes in figure.axes)
    return any(mapped)


def _panel(axes: Axes) -> str:
    across, up = axes.get_xlabel(), axes.get_ylabel()
    bars = [text for one in axes.containers if isinstance(one, BarContainer) for text in _bars(axes, one)]
    told = [
        _title(axes),
        f"{up or 'values'} over {across}" if across else up,
        "a map of colours" if axes.images else "a surface" if axes.name == "3d" else "",
        *_first([_line(line) for line in axes.lines if np.size(line.get_xdata()) > 1], "lines"),
        *bars,
    ]
    return "; ".join(filter(None, told))


def _title(axes: Axes) -> str:
    return next(filter(None, (axes.get_title(where) for where in ("left", "center", "right"))), "")


def _first(told: list[str], what: str) -> list[str]:
    return told[:MOST] + [f"{len(told) - MOST} more {what}"] * (len(told) > MOST)


def _line(line: Line2D) -> str:
    values = np.asarray(line.get_ydata(), dtype=float)
    values = values[np.isfinite(values)]
    name = "a line" if str(line.get_label()).startswith("_") else f"line {line.get_label()}"
    if not values.size:
        return name
    low, high = values.min(), values.max()
    if low == high:
        return f"{name} at {low:.3g}"
    return f"{name} from {values[0]:.3g} to {values[-1]:.3g}, between {low:.3g} and {high:.3g}"


def _bars(axes: Axes, bars: BarContainer) -> list[str]:
    lying = bars.orientation == "horizontal"
    sizes = np.array([bar.get_width() if lying else bar.get_height() for bar in bars], dtype=float)
    if len(sizes) > MOST:
        return [f"{len(sizes)} bars between {np.nanmin(sizes):.3g} and {np.nanmax(sizes):.3g}"]
    axis: Any = axes.yaxis if lying else axes.xaxis
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    names = {place: text for place, label in ticks if (text := label.get_text())}
    middles = [bar.get_center()[1 if lying else 0] for bar in bars]
    of_each = [names[min(names, key=lambda place: abs(place - at))] for at in middles] if names else []  # beside it
    if len(set(of_each)) < len(bars):
        of_each = [f"{at:.3g}" for at in middles]
    told = [f"{name}: {size:.3g}" for name, size in zip(of_each, sizes, strict=True)]
    group = str(bars.get_label())
    return told if group.startswith("_") else [f"{group}: {', '.join(told)}"]
