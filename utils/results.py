"""What a notebook hands to `make course`: its figures, and which data it ran on.

`make course` names a file in `COURSE_RESULTS`; each call here appends one line of JSON to it. Without that
variable figures are printed and nothing is written, so a notebook runs the same by itself.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from utils.base.errors import CourseError


def record(**metrics: Any) -> None:
    """Print figures, one a line, and hand them on: `results.record(test_accuracy=0.991, train_seconds=12.3)`.

    Args:
        metrics: each one number, of Python's, NumPy's or JAX's. The end of a name says how it reads:
            `…accuracy` per cent (of 0..1), `…_seconds`, `…_mb` megabytes, `…_ratio` or `…speedup` with ×,
            `…_images_per_second` (or any other thing per second). Anything else is printed as it is.

    Raises:
        CourseError: one is no number, or the file of `COURSE_RESULTS` cannot be written.
    """
    numbers = {name: _number(name, value) for name, value in metrics.items()}
    for name, number in numbers.items():
        print(describe(name, number))
    # JSON knows no NaN and no infinity
    _hand_on({"metrics": {name: number if math.isfinite(number) else None for name, number in numbers.items()}})


def source(text: str) -> None:
    """Note which data the notebook ran on: the one line that a load says of itself."""
    _hand_on({"source": text})


def describe(name: str, number: float) -> str:
    """A figure as a line: `describe("test_accuracy", 0.991)` is "test accuracy: 99.10 %"."""
    words = name.replace("_", " ")
    if isinstance(number, bool):
        return f"{words}: {'yes' if number else 'no'}"
    if words.endswith("accuracy"):
        return f"{words}: {100 * number:.2f} %"
    if words.endswith((" ratio", "speedup")):
        return f"{words}: {number:.2f}×"
    if words.endswith(" per second"):
        label, _, thing = words.removesuffix(" per second").rpartition(" ")
        return f"{label or 'speed'}: {number:,.{0 if number >= 100 else 1}f} {thing}/s"
    for suffix, unit in ((" seconds", "s"), (" mb", "MB")):
        if words.endswith(suffix):
            return f"{words.removesuffix(suffix)}: {number:,.1f} {unit}"
    if isinstance(number, int):
        return f"{words}: {number:,}"
    return f"{words}: {number:.4f}" if number == 0 or abs(number) >= 1e-3 else f"{words}: {number:.3e}"


def _number(name: str, value: Any) -> float:
    try:
        number = value.item() if hasattr(value, "item") else value
    except (TypeError, ValueError):
        number = None
    if not isinstance(number, bool | int | float):
        raise CourseError(f"results.record: {name} must be one number, not {type(value).__name__} {str(value)[:60]}.")
    return number


def _hand_on(line: dict[str, Any]) -> None:
    target = os.environ.get("COURSE_RESULTS", "").strip()
    if not target:
        return
    try:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as problem:
        raise CourseError(
            f"COURSE_RESULTS: cannot write to {target} ({problem.strerror}). Unset it, or name a file."
        ) from None
