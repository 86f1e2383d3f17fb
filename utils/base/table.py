"""A table in plain text, drawn by Rich: the same characters in a terminal, a notebook and a file."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.box import Box
from rich.console import Console
from rich.table import Table

GAP = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")  # a rule under the headers, and no other line
GAP.head_vertical = GAP.head_row_cross = GAP.mid_vertical = GAP.foot_vertical = "  "  # two spaces between columns


def render(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = 36, right: Sequence[int] = ()
) -> str:
    """Draw a table.

    Args:
        headers: one text for each column.
        rows: as many cells as headers each; a cell may hold several lines, and long ones wrap.
        widest: characters of the widest column.
        right: positions of the columns that are aligned to the right (numbers).

    Returns:
        The text, without spaces at the ends of lines and without a last newline.
    """
    table = Table(box=GAP, show_edge=False, padding=0)
    for position, header in enumerate(headers):
        table.add_column(_wrapped(header, widest), justify="right" if position in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_wrapped(cell, widest) for cell in row))
    text = io.StringIO()
    Console(
        file=text,
        width=10_000,  # more than any table: the text does not depend on where it is shown
        color_system=None,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
    ).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _wrapped(cell: str, widest: int) -> str:
    """The cell's lines, wrapped here: Rich would keep the column at its widest though no line is so long."""
    return "\n".join(textwrap.fill(line, widest) for line in cell.splitlines())
