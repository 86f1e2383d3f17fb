"""What is seen in a figure, in words: for those who do not see it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

FEW = 3  # curves without names; more are told together
MOST = 8  # lines, bars, pictures or panels that are told one by one


def described(figure: Figure) -> str:
    """A figure's titles, axes, lines with their ends, dots with their range, bars with their values, pictures."""
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
        _named(axes.images[0], "", "a map of colours") if axes.images else "a surface" if axes.name == "3d" else "",
        *_first(_lines(axes), "lines"),
        *bars,
    ]
    return "; ".join(filter(None, told))


def _title(axes: Axes) -> str:
    return next(filter(None, (axes.get_title(where) for where in ("left", "center", "right"))), "")


def _first(told: list[str], what: str) -> list[str]:
    return told[:MOST] + [f"{len(told) - MOST} more {what}"] * (len(told) > MOST)


def _named(artist: Artist, what: str, nameless: str) -> str:
    label = str(artist.get_label())
    return nameless if label.startswith("_") else f"{what}{label}"


def _lines(axes: Axes) -> list[str]:
    told = {line: _line(axes, line) for line in axes.lines if np.size(line.get_xdata()) > 1}
    alike = [line for line, text in told.items() if text.startswith("a line from")]
    if len(alike) <= FEW:
        return list(told.values())
    values = np.concatenate([line.get_ydata(orig=False) for line in alike])
    values = values[np.isfinite(values)]
    together = f"{len(alike)} lines between {values.min():.3g} and {values.max():.3g}"
    return [together, *(text for line, text in told.items() if line not in alike)]


def _line(axes: Axes, line: Line2D) -> str:
    points = np.asarray(line.get_data(orig=False), dtype=float)
    x, y = points[:, np.isfinite(points).all(axis=0)]
    dots = line.get_linestyle() == "None"
    what = _named(line, "dots ", "dots") if dots else _named(line, "line ", "a line")
    if not y.size:
        return what
    if dots:  # in a row that is named at the axis, or anywhere
        rows = set(_beside(axes.yaxis, y)) if isinstance(axes.yaxis.get_major_locator(), FixedLocator) else set()
        values = x if len(rows) == 1 or np.ptp(y) == 0 else y
        return f"{f'{rows.pop()}: ' if len(rows) == 1 else ''}{what} from {values.min():.3g} to {values.max():.3g}"
    if np.ptp(x) == 0:
        return f"{what.replace('line', 'vertical line', 1)} at {x[0]:.3g}"
    if np.ptp(y) == 0:
        return f"{what} at {y[0]:.3g}"
    return f"{what} from {y[0]:.3g} to {y[-1]:.3g}, between {y.min():.3g} and {y.max():.3g}"


def _beside(axis: Any, places: Any) -> list[str]:
    """What is written at an axis nearest to each place; nothing where nothing is."""
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    names = {place: text for place, label in ticks if (text := label.get_text())}
    return [names[min(names, key=lambda place: abs(place - at))] for at in places] if names else []


def _bars(axes: Axes, bars: BarContainer) -> list[str]:
    lying = bars.orientation == "horizontal"
    sizes = np.array([bar.get_width() if lying else bar.get_height() for bar in bars], dtype=float)
    if len(sizes) > MOST:
        return [f"{len(sizes)} bars between {np.nanmin(sizes):.3g} and {np.nanmax(sizes):.3g}"]
    middles = [bar.get_center()[1 if lying else 0] for bar in bars]
    of_each = _beside(axes.yaxis if lying else axes.xaxis, middles)
    if len(set(of_each)) < len(bars):
        of_each = [f"{at:.3g}" for at in middles]
    told = [f"{name}: {size:.3g}" for name, size in zip(of_each, sizes, strict=True)]
    group = str(bars.get_label())
    return told if group.startswith("_") else [f"{group}: {', '.join(told)}"]
