"""The checks behind the exercises.

In an exercise notebook:

    from utils import checks
    check = checks.unit("01_jnp_and_jit")
    ...
    standardise = check.standardise(standardise)

Here: `unit_NN/` a file for each exercise with its check, hints and known wrong answers; `registry` what such a file
declares, `probes` what it asks of an answer, `known` what it knows of the course's answers where these are absent,
`packing` how that is kept, `judge` how an answer becomes a verdict, `explain` what exceptions mean, `verdict` how a
verdict looks, `checker` what students hold.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from utils.base.errors import CourseError

if TYPE_CHECKING:
    from utils.checks.checker import Checker
    from utils.checks.registry import Unit


def units() -> dict[str, Unit]:
    """Every unit that has checks, by its name, in order."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("unit_[0-9][0-9]/__init__.py")):
        unit = importlib.import_module(f"utils.checks.{path.parent.name}").unit
        found[unit.name] = unit
    return found


def unit(name: str) -> Checker:
    """The checks of a unit, e.g. `checks.unit("01_jnp_and_jit")`.

    Raises:
      CourseError: there is no unit of that name.
    """
    from utils.checks.checker import Checker

    folder = Path(__file__).parent / f"unit_{str(name)[:2]}"
    declared = importlib.import_module(f"utils.checks.{folder.name}").unit if folder.is_dir() else None
    if declared is None or declared.name != name:
        known = list(units())
        close = difflib.get_close_matches(str(name), known, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        raise CourseError(f"There is no unit {name!r}.{meant} There are: {', '.join(known)}.")
    return Checker(declared)
