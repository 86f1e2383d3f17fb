"""The checks behind the exercises.

In an exercise notebook:

    from utils import checks
    check = checks.unit("01_jnp_and_jit")
    ...
    standardise = check.standardise(standardise)

Here: `unit_NN/` has a folder for each exercise; `exercise` is what it declares, `mistakes` reads its known mistakes.
`answers` calls or exports what a student wrote, `crossing` is what leaves that process, `worker` the process that
judges: `running` runs exported programs, `known` has what is wanted and what mistakes give, `judge` comes to a verdict.
`readings` and `explain` say what differences and exceptions mean, `limits` stops what takes too much, `verdict` is how
it all looks, and `checker` what students hold.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from utils.base.errors import CourseError, unknown

if TYPE_CHECKING:
    from utils.checks.checker import Checker
    from utils.checks.registry import Unit


def units() -> dict[str, Unit]:
    """Every unit that has checks, by its name, in order.

    Raises:
      CourseError: what a unit lists is not there.
    """
    folders = sorted(path.parent.name for path in Path(__file__).parent.glob("unit_[0-9][0-9]/__init__.py"))
    try:
        found = [importlib.import_module(f"utils.checks.{name}").unit for name in folders]
    except (ImportError, AttributeError) as error:
        raise CourseError(f"The checks cannot be imported: {error}.") from error
    return {unit.name: unit for unit in found}


def unit(name: str) -> Checker:
    """The checks of a unit, e.g. `checks.unit("01_jnp_and_jit")`.

    Raises:
      CourseError: there is no unit of that name.
    """
    from utils.checks.checker import Checker  # late: it imports JAX, a second

    folder = Path(__file__).parent / f"unit_{str(name)[:2]}"
    declared = importlib.import_module(f"utils.checks.{folder.name}").unit if folder.is_dir() else None
    if declared is None or declared.name != name:
        raise CourseError(unknown("There is no unit", name, units()))
    return Checker(declared)
