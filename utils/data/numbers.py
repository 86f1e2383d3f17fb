"""Whole numbers given as arguments."""

from __future__ import annotations

import operator
from typing import Any

from utils.base.errors import CourseError


def whole(value: Any, name: str, least: int) -> int:
    """The value as an int. Raises CourseError, with the argument's name, unless it is whole and `least` or more."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise CourseError(f"{name}={value!r} is not a whole number of {least} or more.")
    return number
