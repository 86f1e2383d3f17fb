"""What `load` and the functions of `augment` are given, checked: whole numbers, functions, normalisation."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from utils.base.errors import CourseError
from utils.data.sets import Statistics

Normalise = Literal["standard", "unit"] | tuple[Any, Any] | None


def whole(value: Any, name: str, least: int) -> int:
    """The value as an int. Raises CourseError, with the argument's name, unless it is whole and `least` or more."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise CourseError(f"{name}={value!r} is not a whole number of {least} or more.")
    return number


def functions(given: Any) -> tuple[Callable[..., Any], ...]:
    """The functions in a tuple or list for `augment`. Raises CourseError for anything else in it.

    That goes, too, for a function of `utils.data.augment` that was forgotten to be called.
    """
    if not isinstance(given, list | tuple):
        raise CourseError(f"augment={given!r} is no tuple: write it as (augment.flip(),), or leave it out.")
    for function in given:
        if not callable(function):
            raise CourseError(
                f"augment takes functions, such as those that utils.data.augment makes, not {function!r}."
            )
        if getattr(function, "__module__", "") == "utils.data.augment" and function.__qualname__ == function.__name__:
            raise CourseError(f"augment: call augment.{function.__name__}(…); what it returns is wanted, not itself.")
    return tuple(given)


def normalisation(normalise: Normalise, statistics: Statistics) -> tuple[np.ndarray, np.ndarray]:
    """The constants with which pixels x in 0..1 become (x − mean) / std, [C] float64 each.

    `load` says what `normalise` may be; for anything else CourseError is raised. statistics: the set's own.
    """
    channels = len(statistics.mean)
    known: dict[Any, tuple[Any, Any]] = {None: (0.0, 1 / 255), "unit": (0.0, 1.0), "standard": statistics}
    try:
        pair = normalise if isinstance(normalise, tuple) else known[normalise]
        mean, std = (np.broadcast_to(np.asarray(each, np.float64), (channels,)) for each in pair)
        if not (np.isfinite(mean).all() and (std > 0).all()):
            raise ValueError("no numbers to divide by")
    except (KeyError, ValueError, TypeError) as error:
        raise CourseError(
            f'normalise={normalise!r} is unknown: use "standard", "unit", None or a pair (mean, std) of numbers, '
            f"one or {channels} of each, the std greater than 0."
        ) from error
    return mean, std
