"""The course's one progress bar: a line of text, in a notebook as in a terminal; nothing in a log file."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any, ClassVar, cast

from tqdm.std import tqdm

from utils.base import notebook


def track(
    iterable: Iterable[Any] | None = None,
    description: str = "",
    *,
    total: int | None = None,
    unit: str = "it",
    leave: bool = True,
) -> Any:
    """Show a bar while iterating; none in a notebook that a machine runs, nor in a file or a pipe.

        for batch in track(batches, "epoch 1", unit="batch"):

    Args:
        iterable: what to iterate over; None for a bar that `bar.update(n)` moves.
        description: stands before the bar.
        total: how many there will be, where `len(iterable)` does not tell.
        unit: what one of them is called.
        leave: whether the finished bar stays; for a bar inside a bar's loop say `leave=False`.

    Returns:
        tqdm's bar: `bar.set_postfix(loss=…)` writes figures beside it.
    """
    settings: dict[str, Any] = {"desc": description or None, "total": total, "unit": unit, "leave": leave}
    settings["mininterval"] = 0.2
    if notebook.shell():
        return _Line(iterable, disable=notebook.by_a_machine(), **settings)
    return tqdm(iterable, disable=not sys.stderr.isatty(), dynamic_ncols=True, **settings)


class _Line(tqdm):  # type: ignore[misc, unused-ignore]
    """A bar in a notebook: text, so that it is still there when the notebook is opened again, as no widget would be.

    Bars inside another's loop are further lines of its output.
    """

    _together: ClassVar[list[_Line]] = []  # from the outermost inwards
    _shown: ClassVar[Any] = None  # where their text stands
    _cell: ClassVar[int] = -1  # the number of that cell

    def __init__(self, *arguments: Any, **settings: Any):
        self.text = ""
        if not settings["disable"]:
            from IPython import display  # late: a fifth of a second, and commands draw in a terminal

            cell, show = notebook.shell().execution_count, cast(Any, display.display)
            if cell != self._cell or all(bar.disable for bar in self._together):
                self._together.clear()
                _Line._cell = cell
                _Line._shown = show({"text/plain": ""}, raw=True, display_id=True)
            self._together.append(self)
        super().__init__(*arguments, file=io.StringIO(), ncols=58, ascii=False, **settings)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Put the line where it stands; tqdm calls it with an empty `msg` to take it away."""
        self.text = str(self) if msg is None else msg
        lines = [bar.text for bar in self._together if bar.text]
        self._shown.update({"text/plain": "\n".join(lines)}, raw=True)
