"""What several checks of unit 04 use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from utils.checks.answers import Told


def refusal(call: Callable[..., Any], *args: Any, **settings: Any) -> str | None:
    """The message of the ValueError that a call raises; None if it returns."""
    try:
        call(*args, **settings)
    except ValueError as error:
        return str(error)
    except AssertionError:
        raise Told("An `assert` is skipped under `python -O`. Raise a `ValueError` instead.") from None
    except (IndexError, KeyError, OverflowError) as error:
        raise Told(f"It raises {type(error).__name__}. It should raise a `ValueError`.") from None
    return None
