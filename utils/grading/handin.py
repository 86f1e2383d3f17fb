"""Read a hand-in: the code cells of a .ipynb or .py, whichever editor wrote it and in whatever state it is."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import IO, Any, NamedTuple

from utils.base.errors import CourseError

ENDINGS = (".ipynb", ".py")
LARGEST = 200 * 2**20  # bytes: a notebook with every picture it ever drew
MOST_CODE, MOST_CELLS = 10**6, 2000  # characters of code, and cells
MOST_MODULES, LARGEST_MODULE = 20, 10**5  # scripts beside a hand-in, and bytes of one that it may import
MOST_PARTS = 5 * 10**6  # lists and dictionaries of a notebook, which are far larger in memory
SKIPPED_FOLDERS = {".ipynb_checkpoints", "__MACOSX", "__pycache__", ".git"}
_CELL_MARK = re.compile(r"^# (?:%%|In\[[ \d]*\]:)", re.MULTILINE)  # py:percent, and what nbconvert writes
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HEADER = re.compile(r"\A# ---\n(?:#.*\n)*?# ---\n")  # jupytext's, which may be damaged


class Unreadable(CourseError):
    """This file cannot be graded; the message says why. It is one student's zero and stops nothing."""


class Handin(NamedTuple):
    """What was handed in."""

    cells: list[str]  # sources of the code cells, in order
    shown: str = ""  # the text of saved outputs


def files_of(folder: Path) -> list[Path]:
    """The notebooks and scripts under a student's folder, in order; links are listed too (`content` refuses them)."""
    return sorted(
        path
        for path in folder.rglob("[!.]*")
        if path.suffix.lower() in ENDINGS
        and not SKIPPED_FOLDERS.intersection(path.relative_to(folder).parts)
        and not path.is_dir()
    )


def content(path: Path) -> bytes:
    """The bytes of a plain file.

    Raises:
      Unreadable: it is a link or a device, is too large, or may not be read.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise Unreadable("It is a link or a device, not a file. Hand in the file itself.")
        with path.open("rb") as file:
            return in_limits(file)
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None


def in_limits(file: IO[bytes]) -> bytes:
    """All that an open file holds. Raises Unreadable if it is too large, and reads no more than that tells."""
    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise Unreadable(f"It is larger than {LARGEST // 2**20} MB. Clear its outputs and hand it in again.")
    return raw


def read(raw: bytes, name: str) -> Handin:
    """The code in a file's bytes; `name` tells a notebook from a script where the content does not.

    Raises:
      Unreadable: it is empty, cut short, or no notebook.
    """
    utf_16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not text.strip():
        raise Unreadable("The file is empty.")
    notebook = text.lstrip().startswith("{") or name.lower().endswith(".ipynb")
    found = _of_notebook(text) if notebook else _of_script(text)
    _see_length(found.cells)
    return found


def modules_of(path: Path, cells: list[str]) -> dict[Path, str]:
    """Small scripts beside a hand-in that it or one of them imports or names, and for each the cell that writes it."""
    beside = [one for one in sorted(path.parent.glob("*.py"))[:MOST_MODULES] if one.is_file() and not one.is_symlink()]
    codes = {one: one.read_text("utf-8-sig", "replace") for one in beside if one.stat().st_size <= LARGEST_MODULE}
    lines = [line for code in [*cells, *codes.values()] for line in code.splitlines()]
    names = set(re.findall(r"\w+", "\n".join(line for line in lines if re.search("import|%run|[.]py", line))))
    names -= {path.stem, "utils"}  # the course's own, which is imported before
    return {one: f"%%writefile {one.name}\n{code}\n" for one, code in codes.items() if one.stem in names}


def _see_length(cells: list[str]) -> None:
    if sum(map(len, cells)) > MOST_CODE or len(cells) > MOST_CELLS:
        raise Unreadable(f"It has more than {MOST_CODE:,} characters of code, or more than {MOST_CELLS:,} cells.")


def _of_notebook(text: str) -> Handin:
    """A notebook of any version: by hand, since damaged metadata make nbformat give up."""
    if text.count("[") + text.count("{") > MOST_PARTS:
        raise Unreadable("It has too many parts. Clear its outputs and hand it in again.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"It is not a whole notebook: the JSON breaks off or is damaged{where}.") from None
    sheets = [data, *_part(data, "worksheets", list)]  # cells lay in worksheets before version 4
    cells = [cell for sheet in sheets for cell in _part(sheet, "cells", list)]
    cells = [cell for cell in cells if _part(cell, "cell_type", str) == "code"]
    sources = [_joined(cell, "source") or _joined(cell, "input") for cell in cells]
    if not any(source.strip() for source in sources):
        raise Unreadable("There is no code in it: it is an empty notebook, or none.")
    outputs = [output for cell in cells for output in _part(cell, "outputs", list)]
    shown = [_joined(output, "text") + _joined(_part(output, "data", dict), "text/plain") for output in outputs]
    return Handin(sources, "\n".join(text[:20_000] for text in shown))


def _part[Kind](data: Any, key: str, kind: type[Kind]) -> Kind:
    """What stands under a key, if it is of this kind; else an empty one."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, kind) else kind()


def _joined(data: Any, key: str) -> str:
    """A text that is there as one, or as a list of its lines."""
    lines = [line for line in _part(data, key, list) if isinstance(line, str)]
    return writable("".join(lines) or _part(data, key, str))


def _of_script(text: str) -> Handin:
    """A script, cell by cell; where no cell is marked, paragraph by paragraph."""
    import jupytext  # late: a second and a half, which only scripts need

    _see_length(_CELL_MARK.split(text))  # jupytext takes its time
    marked = _CELL_MARK.search(text)
    text = _HEADER.sub("", re.sub(r"^# In\[[ \d]*\]:", "# %%", text, flags=re.MULTILINE))
    cells = jupytext.reads(text, fmt="py:percent" if marked else "py:light").cells
    return Handin([cell.source for cell in cells if cell.cell_type == "code" and cell.source.strip()])


def writable(text: str) -> str:
    """The text with what no UTF-8 file can hold, bytes of an odd file name for one, as question marks."""
    return text.encode(errors="replace").decode()


def visible(text: str) -> str:
    """The text with what steers a terminal or turns a line's direction round as escapes, and nothing unwritable."""
    return _STEERING.sub(lambda match: match[0].encode("unicode_escape").decode(), writable(text))
