"""Run one notebook from top to bottom in a fresh kernel, and tidy what it shows for committing."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from utils.author import pairs
from utils.base.errors import CourseError
from utils.base.paths import ROOT, shown
from utils.progress import WIDGET

# Run in the kernel after the last cell. Linux's getrusage would count the parent's memory too, so it is asked last.
_PEAK = """
import json, sys
try:
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].split()[0]) / 1024
except (OSError, KeyError):
    if sys.platform == "win32":
        import psutil
        peak = psutil.Process().memory_info().peak_wset / 2**20
    else:
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
sys.stdout.write(json.dumps(peak))
"""


class Outcome(NamedTuple):
    """What a run came to."""

    status: str  # "ok", or "failed: CELL: error in a line"
    seconds: float  # wall time, the kernel's start included
    peak_mb: float | None  # the kernel's largest resident memory, MiB; None when it died
    data: list[str]  # what each load said of its data
    metrics: dict[str, float | None]  # what `results.record` was given
    notebook: Any  # the nbformat node with its outputs


def run(path: Path, *, timeout: float, on_cell: Callable[[int], None] = lambda _: None) -> Outcome:
    """Run the notebook at `path`, in its own folder. Errors in it are in the outcome; they are not raised.

    timeout: seconds that one cell may take. on_cell: told the position of each cell that is done.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    cells = list(notebook.cells)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        startup_timeout=120,
        store_widget_state=False,
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
                    status = f"failed: {_code_number(cells, position)}: {_one_line(problem, cells[position])}"
                ended = time.perf_counter()
                peak = _peak(client)
        except Exception as problem:  # whatever it is, the other notebooks are still to run
            status = f"failed: 0: the kernel did not start or end: {_one_line(problem, {})}"
        data, metrics = read_results(handed_on)
    return Outcome(status, ended - began, peak, data, metrics, notebook)


def environment(results: Path) -> dict[str, str]:
    """What a kernel starts with: figures inline, no notices of TensorFlow's, results to a file."""
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    env["COURSE_RESULTS"] = str(results)
    env["JUPYTER_PREFER_ENV_PATH"] = "1"
    env.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return env


def read_results(file: Path) -> tuple[list[str], dict[str, float | None]]:
    """The data lines, each once and in order, and the metrics that a run handed on; a cut line is left out."""
    data: list[str] = []
    metrics: dict[str, float | None] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        metrics |= entry.get("metrics", {})
        if entry.get("source") and entry["source"] not in data:
            data.append(entry["source"])
    return data, metrics


def save(path: Path, executed: Any) -> None:
    """Put the outputs of a run into the notebook at `path`, in the form that is committed.

    Kept: text, tables, pictures. Left out: progress bars, anything that tells of versions, times or this machine.
    Raises CourseError, and writes nothing, for what nbval could not compare or a lesson should not show: a cell
    that wrote to stderr (a warning), that shows a path of this machine, or that ends with a semicolon.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    count = 0
    for cell, done in zip(notebook.cells, executed.cells, strict=False):
        if cell.cell_type != "code":
            continue
        count += 1
        if cell.source.rstrip().endswith(";"):  # nbval runs cells without history, and then IPython overlooks it
            raise CourseError(f"{shown(path)}, cell {count} ends with a semicolon; write `_ = …` instead.")
        cell.outputs = [tidy for output in done.outputs if (tidy := _tidy(output, count, path)) is not None]
        cell.execution_count = count
    pairs.write_notebook(notebook, path)


def _tidy(output: Any, count: int, path: Path) -> Any | None:
    if output.output_type == "stream" and output.name == "stderr":
        first = output.text.strip().splitlines()[:1]
        raise CourseError(f"{shown(path)}, cell {count} writes to stderr: {''.join(first)[:200]}")
    if output.output_type == "error":  # wanted, or the run would have failed; the traceback names files of this machine
        output.traceback = [f"{output.ename}: {output.evalue}"]
    parts = {kind: text for kind, text in output.get("data", output).items() if kind != "image/png"}
    text = json.dumps(parts, ensure_ascii=False)
    if str(ROOT) in text or "ipykernel_" in text:
        raise CourseError(f"{shown(path)}, cell {count} shows a path of this machine; leave it out.")
    if output.output_type in ("display_data", "execute_result"):
        output.data.pop(WIDGET, None)
        if not output.data:
            return None
        if "image/png" in output.data:
            output.data["image/png"] = _without_text(output.data["image/png"])
    if "execution_count" in output:
        output.execution_count = count
    return output


def _without_text(picture: str) -> str:
    """A base64 PNG without its text chunks: matplotlib names its version there."""
    raw = base64.b64decode(picture)
    kept, at = [raw[:8]], 8
    while at < len(raw):
        end = at + 12 + int.from_bytes(raw[at : at + 4])
        if raw[at + 4 : at + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            kept.append(raw[at:end])
        at = end
    return base64.b64encode(b"".join(kept)).decode()


def _peak(client: Any) -> float | None:
    """The kernel's peak memory in MiB; None when it no longer answers."""
    import nbformat

    cell = nbformat.v4.new_code_cell(f"exec({_PEAK!r}, {{}})")
    client.nb.cells.append(cell)
    client.timeout = 10
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
        return float(cell.outputs[0].text)
    except Exception:  # a kernel that died, or hangs: the run's own status says so
        return None
    finally:
        client.nb.cells.pop()


def _code_number(cells: list[Any], position: int) -> int:
    """The number that JupyterLab shows beside the cell: code cells count from 1."""
    return sum(cell.cell_type == "code" for cell in cells[: position + 1])


def _one_line(problem: Exception, cell: Any) -> str:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    if isinstance(problem, DeadKernelError):
        return "the kernel died (out of memory?)"
    if isinstance(problem, CellTimeoutError):
        return "took too long"
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            message = next(iter(str(output.evalue).strip().splitlines()), "")
            return f"{output.ename}: {message}"[:200]
    return f"{type(problem).__name__}: {str(problem).strip().splitlines()[0] if str(problem).strip() else ''}"[:200]
