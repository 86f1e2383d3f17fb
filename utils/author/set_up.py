"""What every notebook's first code cell begins with: where the course's own code comes from.

It is the same in all notebooks and stands here alone; `make exercises` writes it into lessons and solutions. The course
is found in a folder above the notebook, whatever else the kernel has installed, or in what `make lab` installed; else
its zip is fetched, and `utils.elsewhere` goes on from within it. The zip, which `make release` packs, is at `Download`
of `[project.urls]` in pyproject.toml. While that is not set, whoever opens a notebook elsewhere writes the address into
these lines.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache

from utils.base.errors import CourseError
from utils.base.paths import ROOT

CODE = """\
import sys
from pathlib import Path
from urllib.request import urlretrieve

at = [*Path.cwd().parents, *sys.path, Path.home() / ".cache/jax-course"]  # the course's code: above, installed, fetched
url = "ADDRESS"
sys.path[:0] = [str(p) for p in at if Path(p, "utils/weights.py").exists()][:1] or [urlretrieve(url)[0] + "/jax-course"]
from utils import elsewhere

elsewhere.prepare()

"""
UNKNOWN = "the address of the course's zip, for Colab and Kaggle"
_BEFORE = re.compile(r"import sys\nfrom pathlib .*?\nelsewhere\.prepare\(\)\n\n", re.DOTALL)


@cache
def code() -> str:
    """The lines, with the address that pyproject.toml gives."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return CODE.replace("ADDRESS", project.get("urls", {}).get("Download", UNKNOWN))


def with_code(text: str, name: str) -> str:
    """A lesson's or a solution's text, whose first code cell begins with today's lines.

    Raises:
      CourseError: the text, whose file is called `name`, has no code cell.
    """
    before, head, rest = text.partition("\n# %%\n")
    if not head:
        raise CourseError(f"{name} has no code cell to begin with the course's own code.")
    return before + head + code() + _BEFORE.sub("", rest, count=1)
