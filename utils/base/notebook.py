"""Whether this is a notebook, and who runs it."""

from __future__ import annotations

import os
import sys
from typing import Any

BY_A_MACHINE = ("COURSE_RESULTS", "COURSE_GRADING", "PYTEST_VERSION", "CI")  # set by those that run notebooks


def by_a_machine() -> bool:
    """Whether nobody looks on: `make course`, `pytest --nbval`, continuous integration, grading."""
    return any(os.environ.get(name) for name in BY_A_MACHINE)


def shell() -> Any:
    """The IPython of a notebook's kernel; None elsewhere."""
    ipython: Any = sys.modules.get("IPython")  # a notebook has loaded it
    found = ipython.get_ipython() if ipython else None
    kinds = [kind.__name__ for kind in type(found).__mro__]  # Colab's is a kind of Jupyter's
    return found if "ZMQInteractiveShell" in kinds else None
