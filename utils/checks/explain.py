"""From an exception that an answer raised to the sentence its author needs. Likely causes are in `causes.toml`."""

from __future__ import annotations

import itertools
import linecache
import sysconfig
import tomllib
import traceback
from functools import cache
from pathlib import Path
from types import FrameType

from utils.base.paths import NOTEBOOKS, RESSOURCES, ROOT, SOLUTIONS

_LIBRARIES = tuple(
    Path(sysconfig.get_paths()[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
# the solutions too: when the course's answer trips over what the student's returned, none of its lines may show
_OF_THE_COURSE = (ROOT / "utils", ROOT / "tests", ROOT / ".venv", SOLUTIONS, NOTEBOOKS, RESSOURCES)


@cache
def causes() -> dict[str, dict[str, str]]:
    """The name of an exception's class → a text in its message → the likely cause."""
    return tomllib.loads((Path(__file__).parent / "causes.toml").read_text(encoding="utf-8"))


def explained(error: BaseException) -> tuple[str, str]:
    """What was raised, where in the answer, and the likely cause; where that is not known, the exception's own text."""
    head = f"It raised {type(error).__name__}"
    if frames := answer_frames(error):
        frame, line = frames[-1]
        source = linecache.getline(frame.f_code.co_filename, line).strip()
        head += f" in line {line}" + (f", `{source}`" if source else "")
    of_its_classes = (causes().get(kind.__name__, {}).items() for kind in type(error).__mro__)
    for part, likely in itertools.chain(*of_its_classes):
        if part in str(error):
            return f"{head}. {likely}", ""
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{head}.", first if len(first) <= 200 else first[:197] + "…"


def answer_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames (with line numbers) of an exception that are neither the course's nor a library's."""
    return [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_answer(frame)]


def _is_answer(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    if file.startswith("<"):  # generated code, unless it is a cell's
        return file.startswith(("<ipython-input", "<answer"))
    return not any(Path(file).resolve().is_relative_to(place) for place in (*_LIBRARIES, *_OF_THE_COURSE))
