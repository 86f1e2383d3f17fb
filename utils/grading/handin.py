"""Read a hand-in: the code cells of a .ipynb or .py, whichever editor wrote it and in whatever state it is."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from utils.base.errors import CourseError

ENDINGS = (".ipynb", ".py")
LARGEST = 200 * 2**20  # bytes: a notebook with every picture it ever drew
_SKIPPED_FOLDERS = {".ipynb_checkpoints", "__MACOSX", "__pycache__", ".git"}
_CELL_MARK = re.compile(r"^# (?:%%|In\[[ \d]*\]:)", re.MULTILINE)  # py:percent, and what nbconvert writes


class Unreadable(CourseError):
    """This file cannot be graded; the message says why. It is one student's zero and stops nothing."""


class Handin(NamedTuple):
    """What was handed in."""

    cells: list[str]  # sources of the code cells, in order
    shown: str  # the text of saved outputs
    notes: list[str]  # what was odd about the file


def files_of(folder: Path) -> list[Path]:
    """The notebooks and scripts under a student's folder, in order; links are listed too (and refused by `read`)."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        found += [Path(where, name) for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
    return sorted(found)


def content(path: Path) -> bytes:
    """The bytes of a plain file. Raises Unreadable for links, devices, and what is too large or may not be read."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Unreadable("It is a link or a device, not a file. Hand in the file itself.")
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None
    if len(raw) > LARGEST:
        raise Unreadable(f"It is larger than {LARGEST // 2**20} MB. Clear its outputs and hand it in again.")
    return raw


def read(raw: bytes, name: str) -> Handin:
    """The code in a file's bytes; `name` tells a notebook from a script where the content does not.

    Raises:
      Unreadable: it is empty, cut short, or no notebook.
    """
    text, notes = _decoded(raw)
    if not text.strip():
        raise Unreadable("The file is empty.")
    if text.lstrip().startswith("{") or name.lower().endswith(".ipynb"):
        return _notebook(text, notes)
    return _script(text, notes)


def _decoded(raw: bytes) -> tuple[str, list[str]]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, errors="replace"), []
    try:
        text = raw.decode()
        notes = []
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        notes = ["The file is not in UTF-8; it was read as Latin-1."]
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""), notes


def _notebook(text: str, notes: list[str]) -> Handin:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"It is not a whole notebook: the JSON breaks off or is damaged{where}.") from None
    found = _cells(data)
    if found is None:
        raise Unreadable("It is JSON, but no notebook: there is no list of cells in it.")
    sources, shown, tags = [], [], set()
    for cell in found:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        sources.append(_joined(cell.get("source", cell.get("input", ""))))
        shown.append(_outputs(cell.get("outputs")))
        metadata = cell.get("metadata")
        listed = metadata.get("tags") if isinstance(metadata, dict) else None
        tags |= {str(tag) for tag in listed} if isinstance(listed, list) else set()
    if tags:
        notes.append(f"Tags on cells count for nothing here: {', '.join(sorted(tags))[:200]}.")
    if not any(source.strip() for source in sources):
        raise Unreadable("There is no code in the notebook.")
    return Handin(sources, "\n".join(shown), notes)


def _cells(data: Any) -> list[Any] | None:
    """The cells of a notebook of any version: by hand, since damaged metadata make nbformat give up."""
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("cells"), list):
        return list(data["cells"])
    sheets = data.get("worksheets")  # before version 4
    if isinstance(sheets, list):
        return [cell for sheet in sheets if isinstance(sheet, dict) for cell in _listed(sheet.get("cells"))]
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _joined(source: Any) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _outputs(outputs: Any) -> str:
    """Texts only; of what is long, the start."""
    return "\n".join(text[:20_000] for output in _listed(outputs) for text in _texts(output))


def _texts(output: Any) -> Iterable[str]:
    if isinstance(output, dict):
        yield _joined(output.get("text"))
        data = output.get("data")
        if isinstance(data, dict):
            yield _joined(data.get("text/plain"))


def _script(text: str, notes: list[str]) -> Handin:
    if not _CELL_MARK.search(text):
        return Handin([text], "", [*notes, "A script without cell marks: it is cut at the check lines."])
    if "# %%" in text:
        import jupytext

        try:
            cells = jupytext.reads(text, fmt="py:percent").cells
            return Handin([cell.source for cell in cells if cell.cell_type == "code"], "", notes)
        except Exception:  # a header that is no YAML, for one: the cells are still there
            notes = [*notes, "Its header is damaged."]
    parts = re.split(r"^# (?:%%|In\[[ \d]*\]:).*\n?", text, flags=re.MULTILINE)
    return Handin([part for part in parts if part.strip()], "", notes)
