"""The course's one progress bar: a widget in a notebook, text in a terminal, nothing in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import auto
from tqdm.notebook import tqdm_notebook

WIDGET = "application/vnd.jupyter.widget-view+json"


def track(
    iterable: Iterable[Any] | None = None,
    description: str = "",
    *,
    total: int | None = None,
    unit: str = "it",
    leave: bool = True,
    always: bool = False,
) -> Any:
    """Show a bar while iterating.

        for batch in track(batches, "epoch 1", unit="batch"):

    Args:
        iterable: what to iterate over; None for a bar that `bar.update(n)` moves.
        description: stands before the bar.
        total: how many there will be, where `len(iterable)` does not tell.
        unit: what one of them is called.
        leave: whether the finished bar stays; for a bar inside a bar's loop say `leave=False`.
        always: draw text even where no terminal is attached (a file, a pipe); by default nothing is written.

    Returns:
        tqdm's bar: `bar.set_postfix(loss=…)` writes figures beside it.
    """
    settings: dict[str, Any] = {"desc": description or None, "total": total, "unit": unit, "leave": leave}
    settings |= {"mininterval": 0.2, "dynamic_ncols": True}
    if not issubclass(auto.tqdm, tqdm_notebook):
        return auto.tqdm(iterable, disable=not (always or sys.stderr.isatty()), **settings)
    from IPython import display  # late: a fifth of a second, and commands draw text

    # The widget is shown by itself. tqdm would show a line of text beside it, which is saved with the notebook as "0%",
    # and the widget's random id with it; this way a bar leaves nothing behind, for nbval to compare.
    bar = tqdm_notebook(iterable, display=False, **settings)
    view = {"version_major": 2, "version_minor": 0, "model_id": bar.container.model_id}
    display.display({WIDGET: view}, raw=True)  # type: ignore[no-untyped-call, unused-ignore]
    return bar
