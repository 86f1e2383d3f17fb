"""What is told of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.base import machine


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("model\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6130\n", "Intel(R) Xeon(R) Gold 6130"),
        ("cpu family\t: 23\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n", "AMD EPYC (family 23, model 1)"),
        ("model name\t: A name alone\n", "A name alone"),
    ],
)
def test_a_name_that_says_only_the_brand_is_told_with_family_and_model(
    monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: told)
    assert machine.processor() == name
