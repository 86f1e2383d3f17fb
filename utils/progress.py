"""The course's one progress bar: a widget in a notebook, text in a terminal, nothing in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import auto
from tqdm.notebook import TqdmHBox, tqdm_notebook

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
    """Iterate with a bar: `for batch in track(batches, "epoch 1", unit="batch"):`.

    total: how many there will be, where `len(iterable)` does not tell.
    leave: whether the finished bar stays; for a bar inside a bar's loop say `leave=False`.
    always: draw text even where no terminal is attached (a file, a pipe); by default nothing is written.
    Returns tqdm's bar: `bar.set_postfix(loss=…)` writes figures beside it; without an iterable,
    `bar.update(n)` moves it.
    """
    settings: dict[str, Any] = {"desc": description or None, "total": total, "unit": unit, "leave": leave}
    settings |= {"mininterval": 0.2, "dynamic_ncols": True}
    if issubclass(auto.tqdm, tqdm_notebook):
        return _NotebookBar(iterable, **settings)
    return auto.tqdm(iterable, disable=not (always or sys.stderr.isatty()), **settings)


class _Box(TqdmHBox):
    """A bar's widget, shown without the usual line of text beside it.

    That text would be saved with the notebook as "0%", and its widget's random id with it. This way a bar
    leaves nothing behind: neither in the file nor for nbval to compare.
    """

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({WIDGET: view}, raw=True)


class _NotebookBar(tqdm_notebook):
    @staticmethod
    def status_printer(*args: Any, **kwargs: Any) -> Any:
        box = tqdm_notebook.status_printer(*args, **kwargs)
        return _Box(children=box.children, layout=box.layout)
