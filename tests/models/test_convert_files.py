"""State dicts read from files: what PyTorch wrote is what we read, and no file can run code or crash the reader."""

from __future__ import annotations

import base64
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from utils import convert
from utils.base.errors import CourseError
from utils.base.paths import ROOT

GOLDEN: dict[str, Any] = json.loads((ROOT / "tests/golden/statefile.json").read_text())
STATES = ["state_dict", "checkpoint"]


def written(name: str, folder: Path) -> Path:
    """One of the golden files, as a file."""
    path = folder / f"{name}.pth"
    path.write_bytes(base64.b64decode(GOLDEN["files"][name]))
    return path


@pytest.mark.parametrize("name", STATES)
def test_every_tensor_is_what_pytorch_wrote(name, tmp_path):
    state = convert.read(written(name, tmp_path))
    assert list(state) == list(GOLDEN["tensors"])
    for key, want in GOLDEN["tensors"].items():
        dtype = jnp.bfloat16 if want["dtype"] == "bfloat16" else np.dtype(want["dtype"])
        assert state[key].dtype == dtype, key
        assert state[key].tolist() == want["numbers"], key
    assert state["none"].shape == (0, 4)


@pytest.mark.parametrize("name", STATES)
def test_no_cut_and_no_changed_byte_brings_more_than_a_line(name, tmp_path):
    whole = base64.b64decode(GOLDEN["files"][name])
    path = tmp_path / "harmed.pth"
    for length in [0, 1, 7, *range(20, len(whole) - 1, len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CourseError, match=r"harmed\.pth"):
            convert.read(path)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 150):
        changed = bytearray(whole)
        changed[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(changed))
        try:
            convert.read(path)
        except CourseError as error:
            assert "harmed.pth" in str(error)


class Evil:
    """Pickled, it asks that code be run."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, (f"open({str(self.trace)!r}, 'w').close()",))


def archive(path: Path, content: Any) -> Path:
    """A zip archive as PyTorch's, with another pickle in it."""
    with zipfile.ZipFile(path, "w") as new:
        new.writestr(f"{path.stem}/data.pkl", pickle.dumps(content, protocol=2))
    return path


def test_code_in_a_file_does_not_run(tmp_path):
    trace = tmp_path / "ran"
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps(Evil(trace), protocol=2))
    for path in (archive(tmp_path / "evil.pth", {"model": Evil(trace)}), plain):
        with pytest.raises(CourseError):
            convert.read(path)
    assert not trace.exists()


def test_a_tensor_cannot_reach_beyond_its_numbers(tmp_path):
    path = tmp_path / "far.pth"
    with zipfile.ZipFile(written("state_dict", tmp_path)) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            # the storage of "dense", two numbers short
            new.writestr(name, content[:-8] if len(content) == 24 and "/data/" in name else content)
    with pytest.raises(CourseError, match=r"far\.pth"):
        convert.read(path)


def test_a_file_without_a_state_dict_is_refused_with_the_cure(tmp_path):
    with pytest.raises(CourseError, match=r"holds a whole model.*torch\.save\(model\.state_dict\(\)"):
        convert.read(written("whole_model", tmp_path))
    with pytest.raises(CourseError, match=r"holds no state dict.*epoch, loss"):
        convert.read(archive(tmp_path / "log.pth", {"epoch": 3, "loss": 0.1}))
