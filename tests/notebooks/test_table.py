"""A table is text: the same wherever it is shown, and what stands in a cell is not taken for Rich's own marks."""

from __future__ import annotations

from utils.base import table


def test_a_table_does_not_depend_on_the_terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    rows = [["[bold]a[/bold]", ":smile: " + 10 * "b", "1"], ["c", "d\n1.5", "22"], ["a long cell that wraps", "", ""]]
    assert table.render(["name", "what", "n"], rows, widest=18, right=(2,)).splitlines() == [
        "name              what                 n",
        "────────────────  ──────────────────  ──",
        "[bold]a[/bold]    :smile: bbbbbbbbbb   1",
        "c                 d                   22",
        "                  1.5",
        "a long cell that",
        "wraps",
    ]
