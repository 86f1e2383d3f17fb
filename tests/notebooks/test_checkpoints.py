"""Checkpoints: a run goes on where it was, from a whole one only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from utils import checkpoints
from utils.base.errors import CourseError


class State(NamedTuple):
    step: jax.Array
    params: dict


def state(step: int) -> State:
    weights = {"vgg8/~/conv": {"w": jnp.full((2, 3), float(step)), "b": jnp.ones(3, jnp.bfloat16)}}
    return State(jnp.int32(step), weights)


def history(*losses: float) -> dict:
    return {"val_loss": list(losses)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three epochs, all kept."""
    with checkpoints.open(tmp_path / "run", keep=3) as saved:
        for epoch, losses in enumerate([(3.0,), (3.0, 1.0), (3.0, 1.0, float("nan"))]):
            saved.save(epoch, state(epoch), history(*losses))
    return tmp_path / "run"


def test_what_was_saved_comes_back_in_a_new_process_of_thought(run):
    with checkpoints.open(run) as saved:
        last = saved.latest(like=state(0))
    assert last is not None and last.epoch == 2
    assert repr(last.history) == repr(history(3.0, 1.0, float("nan")))
    assert isinstance(last.state, State) and int(last.state.step) == 2
    assert jnp.array_equal(last.state.params["vgg8/~/conv"]["w"], state(2).params["vgg8/~/conv"]["w"])
    assert last.state.params["vgg8/~/conv"]["b"].dtype == jnp.bfloat16


def test_the_newest_are_kept_and_a_run_that_has_not_begun_has_none(tmp_path):
    with checkpoints.open(tmp_path / "run", keep=2) as saved:
        assert saved.latest(state(0)) is None and saved.epochs() == []
        for epoch in range(8, 13):
            saved.save(epoch, state(epoch), {})
        assert saved.epochs() == [11, 12]


def test_a_write_that_is_broken_off_leaves_the_older_checkpoints(run, monkeypatch):
    def full(file: Path, content: bytes) -> None:
        with file.open("wb") as half:
            half.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with checkpoints.open(run) as saved:
        monkeypatch.setattr(Path, "write_bytes", full)
        for epoch in (2, 3):
            with pytest.raises(CourseError, match=rf"{epoch}\.safetensors cannot be written .*No space left on device"):
                saved.save(epoch, state(7), history(1.0))
        monkeypatch.undo()
        last = saved.latest(state(0))
        assert last is not None and (last.epoch, int(last.state.step)) == (2, 2)
        saved.save(2, state(7), history(1.0))  # and the epoch can be saved again
        last = saved.latest(state(0))
    assert last is not None and int(last.state.step) == 7


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(CourseError, match="keep=0"):
        checkpoints.open(tmp_path / "a", keep=0)
    with checkpoints.open(tmp_path / "run") as saved:
        with pytest.raises(CourseError, match=r"cannot be saved as JSON .*use float"):
            saved.save(0, state(0), {"val_loss": [jnp.float32(1.0)]})
        assert saved.epochs() == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="Nothing can be saved in"):
        checkpoints.open(tmp_path / "file")
