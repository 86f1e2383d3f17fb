"""Checkpoints: a run goes on where it was, from a whole one only, and never with another model's state."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from utils import checkpoints
from utils.base.errors import CourseError


class State(NamedTuple):
    step: jax.Array
    key: jax.Array
    params: dict


def state(step: int, width: int = 3) -> State:
    weights = {"vgg8/~/conv": {"w": jnp.full((2, width), float(step)), "b": jnp.ones(width, jnp.bfloat16)}}
    return State(jnp.int32(step), jax.random.key(step), weights)


def history(*losses: float) -> dict:
    return {"val_loss": list(losses)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three epochs, all kept."""
    with checkpoints.open(tmp_path / "run", keep=3) as saved:
        for epoch, losses in enumerate([(3.0,), (3.0, 1.0), (3.0, 1.0, 2.0)]):
            saved.save(epoch, state(epoch), history(*losses))
    return tmp_path / "run"


def test_what_was_saved_comes_back_in_a_new_process_of_thought(run):
    with checkpoints.open(run) as saved:
        last = saved.latest(like=state(0))
    assert last is not None and (last.epoch, last.history) == (2, history(3.0, 1.0, 2.0))
    assert isinstance(last.state, State) and int(last.state.step) == 2
    assert jnp.array_equal(last.state.params["vgg8/~/conv"]["w"], state(2).params["vgg8/~/conv"]["w"])
    assert last.state.params["vgg8/~/conv"]["b"].dtype == jnp.bfloat16
    assert jnp.array_equal(jax.random.key_data(last.state.key), jax.random.key_data(state(2).key))


def test_the_newest_are_kept_and_a_run_that_has_not_begun_has_none(tmp_path):
    with checkpoints.open(tmp_path / "run", keep=2) as saved:
        assert saved.latest(state(0)) is None and saved.epochs() == []
        for epoch in range(5):
            saved.save(epoch, state(epoch), {})
        assert saved.epochs() == [3, 4]


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize("harm", [_cut, _flip, Path.unlink])
def test_a_checkpoint_with_any_file_harmed_is_passed_over_and_said_so(run, harm, capfd):
    """Whichever file it is: the weights, Orbax's own tables, or the seal."""
    names = [file.relative_to(run) for file in sorted((run / "2").rglob("*")) if file.is_file() and file.stat().st_size]
    assert len(names) > 5
    for name in names:
        copy = run.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run, copy)
        harm(copy / name)
        with checkpoints.open(copy) as saved:
            assert saved.epochs() == [0, 1], name
        out, err = capfd.readouterr()
        assert "copy/2 is not whole: it is passed over" in out
        assert "Traceback" not in err


def test_a_checkpoint_that_was_being_written_when_the_machine_stopped_is_none(run):
    shutil.copytree(run / "2", run / "3.orbax-checkpoint-tmp")
    (run / "2" / checkpoints.SEAL).unlink()
    with checkpoints.open(run) as saved:
        last = saved.latest(state(0))
        assert last is not None and last.epoch == 1
        saved.save(2, state(7), history(3.0, 1.0, 2.0))  # and the epoch can be saved again
        last = saved.latest(state(0))
    assert last is not None and int(last.state.step) == 7


def test_a_state_of_another_model_is_told_by_its_leaves(run):
    with checkpoints.open(run) as saved:
        with pytest.raises(
            CourseError, match=r"run/2 holds another state: params/vgg8/~/conv/b is \[3\] bfloat16, not \[4\]"
        ):
            saved.latest(state(0, width=4))
        with pytest.raises(CourseError, match=r"missing: opt/mu; not expected: key, params/vgg8/~/conv/b"):
            saved.latest({"step": jnp.int32(0), "opt": {"mu": jnp.zeros(3)}})


def test_bad_arguments_are_named(tmp_path):
    for name, keep, message in (("", 2, "needs a name"), ("a", 0, "keep=0"), (tmp_path / "a", "2", "keep='2'")):
        with pytest.raises(CourseError, match=message):
            checkpoints.open(name, keep=keep)
    with checkpoints.open(tmp_path / "run") as saved:
        with pytest.raises(CourseError, match=r"cannot be saved as JSON .*use float"):
            saved.save(0, state(0), {"val_loss": [jnp.float32(1.0)]})
        assert saved.epochs() == []
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="Nothing can be saved in"):
        checkpoints.open(tmp_path / "file")


def test_a_full_disk_leaves_the_older_checkpoints(run, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with checkpoints.open(run) as saved:
        monkeypatch.setattr(saved._manager, "save", full)
        with pytest.raises(CourseError, match=r"epoch 3 cannot be written .*No space left on device"):
            saved.save(3, state(3), history(1.0))
        last = saved.latest(state(0))
    assert last is not None and last.epoch == 2
