"""What several checks of unit 04 use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from utils.base.errors import CourseError
from utils.checks import probes


def refusal(fn: Callable[..., Any], *args: Any) -> str | None:
    """The message of the ValueError that a call raises, None if it returns."""
    try:
        fn(*args)
    except (ValueError, CourseError) as error:
        return str(error)
    except (IndexError, KeyError, OverflowError) as error:
        probes.fail(f"It raises {type(error).__name__}. The value is what is wrong, so raise a `ValueError`.")
    except AssertionError:
        probes.fail("An `assert` is skipped under `python -O`, so it protects nobody. Raise a `ValueError`.")
    return None
