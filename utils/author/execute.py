"""Run one notebook from top to bottom in a fresh kernel, and tidy what it shows for committing."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

from utils.author import pairs
from utils.base import files, memory
from utils.base.errors import CourseError
from utils.base.paths import ROOT, shown

TOO_LONG = "took too long"
# Run in the kernel after the last cell. Linux's getrusage would count the parent's memory too, so it is asked last.
_PEAK = """
import sys
try:
    kib = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
except (OSError, IndexError):
    import resource
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
sys.stdout.write(str(kib / 1024))
"""


class Outcome(NamedTuple):
    """What a run came to."""

    status: str  # "ok", or "failed: CELL: error in a line"
    seconds: float  # wall time, the kernel's start included
    peak_mb: float | None  # the kernel's largest resident memory, MiB; None where it is not known, as of one that died
    data: list[str]  # what each load said of its data
    metrics: dict[str, float | None]  # what `results.record` was given
    notebook: Any  # the nbformat node with its outputs


def run(path: Path, *, timeout: float, on_cell: Callable[[int], object] = lambda _: None) -> Outcome:
    """Run a notebook in its own folder. Errors in it are in the outcome; they are not raised.

    Args:
      path: the notebook.
      timeout: seconds that one cell may take.
      on_cell: told the position of each cell that is done.

    Returns:
      What came of it, with the outputs of the cells that ran.
    """
    notebook = pairs.read(path)
    cells = list(notebook.cells)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        startup_timeout=120,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    status, peak = "ok", None
    began = ended = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        handed_on = Path(folder) / "results.jsonl"
        try:
            with client.setup_kernel(env=environment(handed_on), stderr=subprocess.DEVNULL):
                try:
                    for position, cell in enumerate(cells):
                        client.execute_cell(cell, position)
                        on_cell(position)
                except Exception as problem:
                    number = sum(cell.cell_type == "code" for cell in cells[: position + 1])  # as JupyterLab shows it
                    status = f"failed: {number}: {_one_line(problem)}"
                ended = time.perf_counter()
                if not status.endswith(TOO_LONG):  # else it does not answer
                    peak = _peak(client)
        except Exception as problem:  # whatever it is, the other notebooks are still to run
            status = f"failed: 0: the kernel did not start or end: {_one_line(problem)}"
        data, metrics = read_results(handed_on)
    return Outcome(status, ended - began, peak, data, metrics, notebook)


def environment(results: Path) -> dict[str, str]:
    """What a kernel starts with: figures inline, no notices of TensorFlow's, results to a file."""
    env = {"TF_CPP_MIN_LOG_LEVEL": "3"} | memory.environment()
    env |= {"COURSE_RESULTS": str(results), "JUPYTER_PREFER_ENV_PATH": "1"}
    env.pop("MPLBACKEND", None)
    return env


def read_results(file: Path) -> tuple[list[str], dict[str, float | None]]:
    """The data lines, each once and in order, and the metrics that a run handed on; a cut line is left out."""
    data: list[str] = []
    metrics: dict[str, float | None] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            metrics |= entry.get("metrics", {})
            data += filter(None, [entry.get("source")])
    return list(dict.fromkeys(data)), metrics


def save(path: Path, executed: Any) -> None:
    """Put the outputs of a run into a notebook, in the form that is committed.

    Kept: text, tables, pictures. Left out: anything that tells of versions, times or this machine.

    Args:
      path: the notebook.
      executed: the same with its outputs, as a run leaves it.

    Raises:
      CourseError: for what nbval could not compare or a lesson should not show: a cell that wrote to stderr (a
        warning), that shows a path of this machine, or that ends with a semicolon. Nothing is written then.
    """
    notebook = pairs.read(path)
    code = [pair for pair in zip(notebook.cells, executed.cells, strict=True) if pair[0].cell_type == "code"]
    for count, (cell, done) in enumerate(code, start=1):
        where = f"{shown(path)}, cell {count}"
        if cell.source.rstrip().endswith(";"):  # nbval runs cells without history, and then IPython overlooks it
            raise CourseError(f"{where} ends with a semicolon; write `_ = …` instead.")
        for output in done.outputs:
            _tidy(output, count, where)
        cell.outputs = done.outputs
        cell.execution_count = count
    files.write(path, pairs.file_text(notebook))


def _tidy(output: Any, count: int, where: str) -> None:
    """Bring an output to the form that is committed."""
    if output.output_type == "stream" and output.name == "stderr":
        raise CourseError(f"{where} writes to stderr: {output.text.strip().partition('\n')[0][:200]}")
    if output.output_type == "error":  # wanted, or the run would have failed; the traceback names files of this machine
        output.traceback = [f"{output.ename}: {output.evalue}"]
    data = output.get("data", {})
    text = json.dumps({**output, "data": {**data, "image/png": ""}}, ensure_ascii=False)
    if str(ROOT) in text or "ipykernel_" in text:
        raise CourseError(f"{where} shows a path of this machine; leave it out.")
    if "image/png" in data:
        drawn = output.metadata.get("image/png", {}).get("drawn", False)
        data["image/png"] = _without_text(data["image/png"], few_colours=drawn)
    if "execution_count" in output:
        output.execution_count = count


def _without_text(picture: str, *, few_colours: bool) -> str:
    """A base64 PNG without its text, where matplotlib names its version; `few_colours` takes a third of the bytes."""
    plain = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        kept = image.convert("RGB").quantize(256, dither=Image.Dither.NONE) if few_colours else image
        kept.save(plain, "PNG", dpi=image.info.get("dpi"), optimize=True)
    return base64.b64encode(plain.getvalue()).decode()


def _peak(client: Any) -> float | None:
    """The kernel's peak memory in MiB; None when it no longer answers."""
    cell = nbformat.v4.new_code_cell(f"exec({_PEAK!r}, {{}})")  # type: ignore[no-untyped-call]
    client.nb.cells.append(cell)
    client.timeout = 10
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
        return float(cell.outputs[0].text)
    except Exception:  # a kernel that died, or hangs: the run's own status says so
        return None
    finally:
        client.nb.cells.pop()


def _one_line(problem: Exception) -> str:
    if isinstance(problem, DeadKernelError):
        return "the kernel died (out of memory?)"
    if isinstance(problem, CellTimeoutError):
        return TOO_LONG
    name, message = type(problem).__name__, str(problem)
    if isinstance(problem, CellExecutionError):
        name, message = problem.ename, problem.evalue
    return f"{name}: {message.strip().partition('\n')[0]}"[:200]
