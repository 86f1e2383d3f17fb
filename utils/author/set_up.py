"""What every notebook's first code cell begins with: where the course's own code comes from.

It is the same in all notebooks and stands here alone; `make exercises` writes it into lessons and solutions. The course
is fetched from `Download` of `[project.urls]` in pyproject.toml, where what `make release` packs can be had; while that
is not set, from COURSE_ZIP alone.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache

from utils.base.errors import CourseError
from utils.base.paths import ROOT

CODE = """\
# The course's own code: installed by `make lab`; elsewhere found in a folder above (VS Code), or fetched into your home
# folder, and then what this Python lacks is installed beside what it has (Colab, Kaggle).
try:
    from utils import elsewhere
except ImportError:
    import os
    import shutil
    import sys
    import urllib.request
    from pathlib import Path

    cache, mark = Path.home() / ".cache", "utils/weights.py"
    above = [folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / mark).exists()]
    root = above[0] if above else cache / "jax-course"
    if not (root / mark).exists():
        address = ADDRESS
        print(f"Fetching the course from {address} ...")
        shutil.unpack_archive(urllib.request.urlretrieve(address)[0], cache, "zip")
    sys.path.insert(0, str(root))
    sys.modules.pop("utils", None)  # another one of that name
    from utils import elsewhere

    elsewhere.prepare(install=not above)

"""
UNKNOWN = 'os.environ["COURSE_ZIP"]  # where the course\'s zip is: %env COURSE_ZIP=https://...'
_BEFORE = re.compile(r"# The course's own code: .*?\n    elsewhere\.prepare\([^\n]*\n\n", re.DOTALL)


@cache
def code() -> str:
    """The lines, with the address that pyproject.toml gives."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = project.get("urls", {}).get("Download")
    return CODE.replace("ADDRESS", f'os.environ.get("COURSE_ZIP", "{known}")' if known else UNKNOWN)


def with_code(text: str, name: str) -> str:
    """A lesson's or a solution's text, whose first code cell begins with today's lines.

    Raises:
      CourseError: the text, whose file is called `name`, has no code cell.
    """
    before, head, rest = text.partition("\n# %%\n")
    if not head:
        raise CourseError(f"{name} has no code cell to begin with the course's own code.")
    return before + head + code() + _BEFORE.sub("", rest, count=1)
