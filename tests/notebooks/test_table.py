"""A table is text: the same wherever it is shown, and what stands in a cell is not taken for Rich's own marks."""

from __future__ import annotations

import pytest

from utils.base import table


def test_a_table_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    text = table.render(["name", "what"], [["[bold]a[/bold]", ":smile: " + 30 * "b"], ["c", "d\n1.5"]], widest=40)
    assert text.splitlines() == [
        "name            what",
        "──────────────  " + 38 * "─",
        "[bold]a[/bold]  :smile: " + 30 * "b",
        "c               d",
        "                1.5",
    ]
