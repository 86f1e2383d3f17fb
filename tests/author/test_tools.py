"""The tools behind the commands: what nbval blanks, bars, figures, plots, running and saving notebooks."""

import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import nbformat
import numpy as np
import pytest
from nbval.plugin import get_sanitize_patterns
from PIL import Image

from utils import plots, results
from utils.author import execute, history
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.commands.instructors import course

# --- what nbval may overlook -----------------------------------------------------------------------------

PATTERNS = dict(get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="ascii")))


def sanitised(text):
    for pattern, replacement in PATTERNS.items():
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 12.3 ms, 3 µs a call, in 3.1 ± 0.2 s,", "took   9.87 ms, 1.2e+01 µs a call, in 12.7 ± 1.1 s,"),
        ("1.2–1.5 s, after 2 min", "0.9–2 s, after 11 min"),
        ("| 12.3 ms |", "|   2 ms   |"),
        ("123 img/s, 12 ms/step, 45 images per second", "1,045.5 img/s, 9.1 ms/step, 46.1 images per second"),
        ("test accuracy: 99.10 %, right in 98%.", "test accuracy: 100.00 %, right in 9%."),
        ("2.3× as fast, 2.3x faster", "12× as fast, 0.9x faster"),
        ("peak 12 MB of 1.5 GiB", "peak 1,034 MB of 16 GiB"),
        ("loss 0.6931. 1.5e-07 [0.1234  0.5678]", "loss -12.125. 3e-08 [-1.1234 0.5671]"),
        ("<function f at 0x7f12abcd34>", "<function f at 0x1099887766>"),
        ("[CpuDevice(id=0)] runs on cpu, TFRT_CPU_0", "[CudaDevice(id=0)] runs on gpu, cuda:0"),
    ],
)
def test_what_differs_from_run_to_run_is_blanked(one, other):
    assert sanitised(one) == sanitised(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(64, 28, 28, 1)", "(64, 28, 28, 3)"),
        ("traced 1 times", "traced 2 times"),
        ("float32[64,10]", "float32[64,11]"),
        ("True", "False"),
        ("0.25", "0.26"),
        ("1.5", "1.4"),
        ("421,642 parameters", "421,643 parameters"),
        ("train[:80%]", "train[:90%]"),
        ("28×28 pictures", "32×32 pictures"),
        ("28 × 28", "32 × 32"),
        ("3 shapes", "4 shapes"),
        ("784 bytes", "785 bytes"),
        ("epoch 3: loss 0.123", "epoch 4: loss 0.123"),
        ("[1 2 3]", "[1 2 4]"),
        ("loss 0.123 falls", "loss 0.123 rises"),
    ],
)
def test_what_a_lesson_claims_is_still_compared(one, other):
    assert sanitised(one) != sanitised(other)


# --- figures and bars -------------------------------------------------------------------------------------


def test_figures_are_printed_in_forms_that_nbval_blanks_and_handed_on(tmp_path, monkeypatch, capsys):
    file = tmp_path / "results.jsonl"
    monkeypatch.setenv("COURSE_RESULTS", str(file))
    results.record(test_accuracy=np.float32(0.5), train_seconds=12.34, keras_ratio=2.5, peak_mb=7.0)
    results.record(train_images_per_second=1234.5, loss=0.25, tiny=3e-9, steps=7, best=True)
    results.source("mnist: sample")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "test accuracy: 50.00 %"
    assert {line for line in printed if sanitised(line) == line} == {"steps: 7", "best: yes"}
    results.record(last_loss=float("nan"))
    file.open("a").write('{"metrics": {"cut')
    data, metrics = execute.read_results(file)
    assert data == ["mnist: sample"]
    assert (len(metrics), metrics["test_accuracy"], metrics["last_loss"]) == (10, 0.5, None)


# --- plots ------------------------------------------------------------------------------------------------


def test_pictures_are_shown_as_given_or_stretched_together():
    shown = np.stack([np.full((4, 4), 0.25), np.full((4, 4), 0.75)])
    _, axes = plots.images(shown)
    assert axes.shape == (1, 2)
    assert np.allclose(axes[0, 0].images[0].get_array(), 0.25)
    _, axes = plots.images(4 * shown - 2)  # normalised: -1 and 1
    assert np.allclose(axes[0, 0].images[0].get_array(), 0)
    assert np.allclose(axes[0, 1].images[0].get_array(), 1)
    _, axes = plots.images(np.full((9, 4, 4, 3), 51, np.uint8), titles=range(9), columns=4)
    assert axes.shape == (3, 4)
    assert np.allclose(axes[0, 0].images[0].get_array(), 0.2)


def test_curves_share_a_panel_by_quantity_and_a_colour_by_series():
    _, axes = plots.curves({"train_loss": [3, 2], "validation_loss": [3, 2.5], "validation_accuracy": [0.1, 0.2]})
    assert [place.get_title(loc="left") for place in axes] == ["loss", "accuracy"]
    assert [line.get_label() for line in axes[0].lines] == ["train", "validation"]
    assert axes[0].lines[1].get_color() == axes[1].lines[0].get_color()


def test_the_best_bar_stands_out():
    for better, best in (("lower", 1), ("higher", 0)):
        _, place = plots.bars(["a", "b"], [2.0, 1.0], unit="ms", better=better)
        colours = [bar.get_facecolor() for bar in place.patches]
        assert colours[best] != colours[1 - best]
        assert [text.get_text() for text in place.texts] == ["2.00 ms", "1.00 ms"]


# --- running and saving -----------------------------------------------------------------------------------


def notebook_at(path, *cells, kernel="python3"):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": "x"}
    nbformat.write(notebook, path)
    return path


def test_a_run_hands_back_outputs_figures_and_memory_and_stops_at_a_failing_cell(tmp_path):
    cells = (
        "from utils import results\nx = bytearray(b'1') * 600_000_000",
        "results.record(loss=0.5)\nresults.source('drawn')",
        "raise ValueError('no such\\nthing')",
        "results.record(loss=0.25)",
    )
    outcome = execute.run(notebook_at(tmp_path / "a.ipynb", *cells), timeout=60)
    assert outcome.status == "failed: 3: ValueError: no such"
    assert (outcome.data, outcome.metrics) == (["drawn"], {"loss": 0.5})
    assert 600_000_000 / 2**20 < outcome.peak_mb < 2000
    assert len(outcome.notebook.cells) == 4


@pytest.mark.parametrize(
    ("code", "kernel", "status"),
    [
        ("import os\nos._exit(1)", "python3", "failed: 1: the kernel died"),
        ("while True: pass", "python3", "failed: 1: took too long"),
        ("1", "no-such-kernel", "failed: 0: the kernel did not start"),
    ],
)
def test_a_kernel_that_dies_hangs_or_does_not_start_is_told(tmp_path, code, kernel, status):
    timeout = 1 if "while" in code else 60
    outcome = execute.run(notebook_at(tmp_path / "a.ipynb", code, kernel=kernel), timeout=timeout)
    assert outcome.status.startswith(status) and outcome.peak_mb is None


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A notebook with the outputs that a run gave."""
    path = notebook_at(
        tmp_path_factory.mktemp("saved") / "a.ipynb",
        "from utils.progress import track\nfor _ in track(range(2)):\n    for _ in track(range(2), leave=False): pass",
        "from utils import plots\nplots.bars(['a'], [1])",
        "print('shape (2, 3),', flush=True); print('0.1234, 12 ms')\n1 + 1",
    )
    before = nbformat.read(path, as_version=4)
    outcome = execute.run(path, timeout=60)
    execute.save(path, outcome.notebook)
    after = nbformat.read(path, as_version=4)
    assert (outcome.status, after.metadata) == ("ok", before.metadata)
    assert [(c.source, c.id, c.metadata) for c in after.cells] == [(c.source, c.id, c.metadata) for c in before.cells]
    return path


def test_saved_outputs_hold_no_bar_no_version_and_no_time(saved):
    cells = nbformat.read(saved, as_version=4).cells
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    bar, (drawn,), (printed, _) = (cell.outputs for cell in cells)
    assert bar == [] and printed.text == "shape (2, 3),\n0.1234, 12 ms\n"
    assert drawn.metadata["image/png"]["alt"] == "a: 1"
    picture = base64.b64decode(drawn.data["image/png"])
    assert b"matplotlib" not in picture and Image.open(io.BytesIO(picture)).size[0] > 100


@pytest.mark.parametrize(
    ("source", "output", "why"),
    [
        ("warn()", {"name": "stderr", "text": "old"}, "writes to stderr: old"),
        ("print(ROOT)", {"text": f"in {ROOT}"}, "shows a path of this machine"),
        ("print(f)", {"text": "/home/me/ipykernel_12/34.py"}, "shows a path of this machine"),
        ("1;", {"text": ""}, "ends with a semicolon"),
    ],
)
def test_what_does_not_belong_in_a_lesson_is_not_committed(source, output, why, tmp_path):
    path = notebook_at(tmp_path / "a.ipynb", source)
    untouched = path.read_bytes()
    executed = nbformat.read(path, as_version=4)
    executed.cells[0].outputs = [nbformat.v4.new_output("stream", **output)]
    with pytest.raises(CourseError, match=rf"a\.ipynb, cell 1 {why}"):
        execute.save(path, executed)
    assert path.read_bytes() == untouched


def test_nbval_accepts_what_was_saved_and_catches_a_change(saved):
    nbval = [sys.executable, "-m", "pytest", "-q", "--nbval", "-c", os.devnull, "--rootdir", saved.parent, saved]
    nbval += ["--nbval-sanitize-with", ROOT / "tests" / "nbval_sanitize.cfg", "-p", "no:cacheprovider"]
    good = saved.read_text(encoding="utf-8")
    for old, new, passes in (("", "", True), ("0.1234, 12 ms", "0.9876, 5 ms", True), ("(2, 3),", "(2, 4),", False)):
        saved.write_text(good.replace(f"{old}\\n", f"{new}\\n"), encoding="utf-8")  # in what is printed
        assert (subprocess.run(nbval, capture_output=True, cwd=saved.parent).returncode == 0) == passes
    saved.write_text(good, encoding="utf-8")


# --- commands ---------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_named_and_stays_as_it_was(tmp_path, monkeypatch):
    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    target = tmp_path / "a.json"
    files.write(target, "whole")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CourseError, match=r"a\.json cannot be written \(No space left on device\)"):
        files.write(target, "other")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "whole"}


FAILED = execute.Outcome("failed: 1: it is over", 1.0, 100.0, [], {}, None)


@pytest.mark.parametrize(
    ("second", "returned", "statuses"),
    [(FAILED._replace(status="ok"), 1, [FAILED.status, "ok"]), (KeyboardInterrupt, 130, [FAILED.status])],
)
def test_the_course_goes_on_after_a_failure_and_keeps_what_it_has(
    tmp_path, monkeypatch, capsys, second, returned, statuses
):
    monkeypatch.setattr(execute, "run", Mock(side_effect=[FAILED, second]))
    monkeypatch.setattr(course, "RESULT", tmp_path / "course.json")
    monkeypatch.setattr(history, "FILE", tmp_path / "history.json")
    monkeypatch.setattr(course, "select", lambda names: [notebook_at(tmp_path / f"{n}.ipynb", "1") for n in "ab"])
    assert course.main([]) == returned
    rows = json.loads(course.RESULT.read_text(encoding="utf-8"))
    assert [row["status"] for row in rows] == statuses
    assert all(set(row) == {"notebook", "status", "seconds", "peak_mb", "data", "metrics"} for row in rows)
    assert f"{len(rows) - 1} of {len(rows)} notebooks ran to their end" in capsys.readouterr().out


def test_what_got_worse_by_more_than_the_noise_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "FILE", tmp_path / "history.json")

    def told(seconds, rate):
        figures = {"seconds": seconds, "peak_mb": 900, "metrics": {"images_per_second": rate, "accuracy": 1 / rate}}
        return history.add([{"notebook": "02.ipynb", "status": "ok", "data": "mnist", **figures}])

    quiet = [told(*figures) for figures in ((30, 100), (31, 110), (33, 105), (35.9, 91))]  # within 36 and 90
    assert quiet == 4 * [""]
    with monkeypatch.context() as patch:
        patch.setattr(history, "processor", lambda: "another")
        assert told(99, 9) == ""
    worse = told(42, 60).splitlines()[2:]
    assert [line.split() for line in worse] == [
        ["02.ipynb:", "seconds", "42", "30", "to", "35.9"],
        ["02.ipynb:", "images_per_second", "60", "91", "to", "110"],
    ]
    page = (tmp_path / history.PAGE).read_text(encoding="utf-8")
    shown = [re.sub(r"<[^>]*>|\n", " ", line).split() for line in page.split("<tr")[1:]]
    assert shown[1] == ['class="worse">', "seconds,", "worse", "42", "35.9", "+17.0%"]
    assert ["accuracy", "0.01667", "0.01099", "+51.7%"] in [line[-4:] for line in shown]
    history.FILE.write_text("[1]")
    with pytest.raises(CourseError, match="Delete it, and a new one begins"):
        told(30, 100)
