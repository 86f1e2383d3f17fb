"""A table in plain text: long cells wrap inside their column."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence


def render(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = 36, right: Sequence[int] = ()
) -> str:
    """The table as text, without a last newline.

    rows: as many cells as headers each; a cell may hold several lines. widest: characters of the widest column.
    right: positions of the columns that are aligned to the right (numbers).
    """
    table = [[_lines(cell, widest) for cell in row] for row in [headers, *rows]]
    widths = [max(len(line) for row in table for line in row[column]) for column in range(len(headers))]
    lines = [_row(row, widths, right) for row in table]
    rule = "  ".join("─" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])


def _lines(cell: str, widest: int) -> list[str]:
    return [part for line in cell.splitlines() for part in textwrap.wrap(line, widest)] or [""]


def _row(cells: list[list[str]], widths: list[int], right: Sequence[int]) -> str:
    height = max(len(cell) for cell in cells)
    lines = []
    for number in range(height):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        aligned = [
            part.rjust(width) if column in right else part.ljust(width)
            for column, (part, width) in enumerate(zip(parts, widths, strict=True))
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)
