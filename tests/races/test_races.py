"""Races: that the clocks wait, that what is stored is what ran, and that who is missing is told."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from utils.base.errors import CourseError
from utils.commands import race
from utils.races import breakdown, catalogue, entrants_jax, report, run, stored, turns

TINY = {"cnn": (8, 8, 1), "vgg8": (16, 16, 3), "resnet18": (96, 96, 3), "swin": (64, 64, 3)}
SLOW = ("resnet18", "swin")  # to compile


def tiny(model: str) -> catalogue.Race:
    """A race of this model that takes a second or two."""
    race = next(race for race in catalogue.RACES.values() if race.model == model)
    return catalogue.shorter(race)._replace(image=TINY[model], batch=2)


# ---- what runs


@pytest.mark.parametrize(
    "model", ["cnn", pytest.param("vgg8", marks=pytest.mark.proof)]
)  # the others compile for longer than a test should take
def test_the_lessons_model_trains_and_every_epoch_is_timed(model):
    race = tiny(model)._replace(epochs=3)
    told = run.measure(run.build(race, "jax"), race)
    assert len(told["train"]) == len(told["evaluate"]) == len(told["losses"]) == 3
    assert all(seconds > 0 for seconds in told["train"] + told["evaluate"])
    assert np.isfinite(told["losses"]).all()
    assert told["losses"][0] != told["losses"][2]  # one batch, seen three times: it has moved
    assert told["first_step"] <= told["train"][0]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="this backend is no CPU")
@pytest.mark.parametrize("model", ["cnn", "vgg8", *(pytest.param(one, marks=pytest.mark.proof) for one in SLOW)])
def test_unit_06s_model_is_the_lessons(model):
    """The same parameters give the same loss and gradients, and the layers of the two differ."""
    race = tiny(model)._replace(batch=4, precision="float64")
    plain = entrants_jax.MODELS[model](race)
    fast = entrants_jax.with_own_layers(plain)
    images, labels = run.pictures(race, 0)
    labels = jax.nn.one_hot(labels, race.classes)

    def slopes(of: entrants_jax.Model, params: Any, kept: Any, images: jax.Array) -> Any:
        logits, kept = of.apply(params, kept, images, True)
        return -(jax.nn.log_softmax(logits) * labels).mean(), kept

    with jax.enable_x64(True):
        variables = jax.jit(plain.init)(jax.random.key(0), images)
        moved = np.random.default_rng(0).uniform  # a fresh block of Swin's gives zeros, whatever is in it
        variables = jax.tree.map(lambda leaf: leaf + jax.numpy.asarray(moved(0, 0.3, leaf.shape), float), variables)
        images = jax.numpy.asarray(images, float)
        gradients = [jax.value_and_grad(partial(slopes, of), has_aux=True) for of in (plain, fast)]
        programs = {str(jax.make_jaxpr(gradient)(*variables, images)) for gradient in gradients}
        one, other = (jax.jit(gradient)(*variables, images) for gradient in gradients)
    assert len(programs) == 2
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-10), one, other)


def test_clocks_stop_only_when_the_device_has_finished():
    class Late:
        """A device that returns from a call at once and does its work while it is waited for."""

        due = 0.0

        def call(self, batch: Any) -> float:
            self.due += 0.02
            return 1.0

        def wait(self, losses: list[float]) -> float:
            time.sleep(self.due)
            self.due = 0.0
            return float(np.mean(losses))

    late = Late()
    race = tiny("cnn")._replace(steps=3, eval_steps=2, epochs=2)
    entrant = run.Entrant(1, "cpu", lambda images, labels: None, late.call, late.call, late.wait)
    told = run.measure(entrant, race)
    assert min(told["train"]) >= 0.06  # three steps of 20 ms
    assert min(told["evaluate"]) >= 0.04
    assert told["first_step"] >= 0.02


def test_pictures_are_the_same_for_everybody_and_differ_from_batch_to_batch():
    race = tiny("cnn")
    images, labels = run.pictures(race, 0)
    assert images.shape == (2, 8, 8, 1)
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)
    assert np.array_equal(images, run.pictures(race, 0)[0])
    assert not np.array_equal(images, run.pictures(race, 1)[0])


# ---- taking turns


def fake(**speeds: float):
    """`turns.time_one` with made-up times; who has no speed is not installed. Its `calls`: what was raced."""
    calls: list[tuple[catalogue.Race, str]] = []

    def time_one(race: catalogue.Race, entrant: str) -> dict[str, Any]:
        calls.append((race, entrant))
        if not (speed := speeds.get(entrant.replace(" ", "_"))):
            return {"problem": "torch is not installed"}
        one = [2 / speed, 1 / speed, 1 / speed]
        about = {"parameters": 7, "device": "cpu", "losses": [3.0, 2.0, 1.0]}
        return about | {"first_step": 1.0, "train": one, "evaluate": one}

    time_one.calls = calls  # type: ignore[attr-defined]
    return time_one


def test_rounds_alternate_in_direction_and_the_missing_are_told_once(monkeypatch):
    timed = fake(jax=2.0, jax_fast=3.0, torch=1.0)
    monkeypatch.setattr(turns, "time_one", timed)
    result = turns.run(catalogue.RACES["resnet18"], 2, keep=False)
    first, second = ["jax", "jax fast", "torch"], ["torch", "jax fast", "jax"]
    assert [name for _, name in timed.calls] == [*first, "torch compiled", *second]
    ran = [*((0, one) for one in first), *((1, one) for one in second)]
    assert [(one["round"], one["entrant"]) for one in result.runs] == ran
    assert result.missing == {"torch compiled": "torch is not installed"}
    assert "PyTorch, compiled did not run: torch is not installed" in report.as_table(result)


def test_another_model_is_not_raced(monkeypatch):
    timed = fake(jax=2.0, torch=1.0)
    monkeypatch.setattr(turns, "time_one", lambda race, name: timed(race, name) | {"parameters": len(name)})
    with pytest.raises(CourseError, match="not the same model"):
        turns.run(catalogue.RACES["resnet18"], 1, keep=False)


def test_a_run_that_breaks_is_told_and_the_others_go_on():
    told = turns.time_one(catalogue.RACES["cnn"]._replace(name="no such race"), "jax")
    assert "status 1" in told["problem"]
    assert "no such race" in told["problem"]


def test_no_run_finds_what_an_earlier_one_has_compiled(monkeypatch):
    caches: list[Path] = []

    def start(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        caches.append(Path(env["TORCHINDUCTOR_CACHE_DIR"]))
        assert list(caches[-1].iterdir()) == []
        (caches[-1] / "compiled").touch()
        assert env["JAX_ENABLE_COMPILATION_CACHE"] == "false"
        return subprocess.CompletedProcess(command, 0, '{"losses": []}', "")

    monkeypatch.setattr(turns.subprocess, "run", start)
    for _ in range(2):
        assert turns.time_one(catalogue.RACES["cnn"], "torch compiled") == {"losses": []}
    assert caches[0] != caches[1]
    assert not any(cache.exists() for cache in caches)


def test_a_race_made_for_a_gpu_is_cut_short_without_one_and_says_so(monkeypatch, tmp_path, capsys):
    timed = fake(jax=2.0, torch=1.0)
    monkeypatch.setattr(turns, "has_gpu", lambda: False)
    monkeypatch.setattr(turns, "time_one", timed)
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    assert race.main(["swin_tiny_64_float32", "cnn", "--rounds", "1"]) == 0
    tiny_race, cnn = catalogue.RACES["swin_tiny_64_float32"], catalogue.RACES["cnn"]
    assert {race.steps for race, _ in timed.calls if race.name == tiny_race.name} == {1}
    assert all(race == cnn for race, _ in timed.calls if race.name == cnn.name)
    assert "swin_tiny_64_float32 is made for a GPU" in (told := capsys.readouterr().out)
    assert "cnn is made" not in told
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(turns, "has_gpu", lambda: True)
    race.main(["swin_tiny_64_float32", "--rounds", "1"])
    assert timed.calls[-1][0] == tiny_race


def test_the_process_of_an_entrant_races_as_long_as_it_was_told_and_names_what_is_missing(monkeypatch, capsys):
    calls: list[str] = []

    def step(what: str) -> Any:
        return lambda batch: calls.append(what)

    entrant = run.Entrant(1, "cpu", lambda images, labels: None, step("train"), step("evaluate"), lambda losses: 0.0)
    monkeypatch.setattr(run, "build", lambda race, name: entrant)
    run.main("cnn", "jax", "2", "3", "4")
    assert calls == 4 * (2 * ["train"] + 3 * ["evaluate"])
    assert len(json.loads(capsys.readouterr().out)["train"]) == 4

    def not_here(race: catalogue.Race, name: str) -> run.Entrant:
        raise ImportError(name="torch")

    monkeypatch.setattr(run, "build", not_here)
    run.main("cnn", "torch", "2", "3", "4")
    assert json.loads(capsys.readouterr().out) == {"problem": "torch is not installed"}


# ---- what is told


@pytest.fixture
def result(monkeypatch, tmp_path: Path) -> stored.Result:
    """Three rounds, stored in `tmp_path`."""
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    monkeypatch.setattr(turns, "time_one", fake(jax=3.0, torch=2.0, torch_compiled=4.0))
    return turns.run(catalogue.RACES["resnet18"], 3)


def on(result: stored.Result, **machine: Any) -> stored.Result:
    """The same result of another machine."""
    return replace(result, machine=result.machine | machine)


@pytest.mark.proof
def test_a_step_is_cut_into_parts_that_the_whole_contains():
    result = breakdown.measure(tiny("cnn"), repeats=2)
    assert set(result.milliseconds) == {*breakdown.PARTS, "step", "dispatch"}
    assert result.milliseconds["step"] >= result.milliseconds["dispatch"] > 0
    assert min(result.milliseconds[name] for name in ("input", "transfer", "forward", "update")) > 0
    assert "mnist" in result.data


def test_ratios_are_taken_pair_by_pair(result):
    for run_ in result.runs:  # the machine runs at half its speed in round 1: each pair's ratio stays
        if run_["round"] == 1:
            run_["train"] = [2 * seconds for seconds in run_["train"]]
    assert report.ratios(result, "train", "torch") == pytest.approx([1.5] * 3)
    assert report.ratios(result, "train", "torch compiled") == pytest.approx([0.75] * 3)
    assert report.ratios(result, "train", "keras") == []


def test_the_first_epoch_is_told_apart_and_everybodys_first_step(result):
    later = report.pictures_per_second(result, result.runs[0], "train")
    assert later == pytest.approx(result.batch * result.steps * 3.0)
    assert report.pictures_per_second(result, result.runs[0], "train, first epoch") == pytest.approx(later / 2)
    for run_ in result.runs:
        run_["first_step"] = 3.0 if run_["entrant"] == "jax" else 0.25
    assert report.first_steps(result) == "first step: JAX 3.00 s; PyTorch 0.25 s; PyTorch, compiled 0.25 s"


def test_what_was_written_is_read_back_and_replaced_by_its_own_machine_only(result, tmp_path):
    assert stored.load(stored.Result, "resnet18") == [result]
    other, gpu = on(result, processor="Another (R) Processor", cores=4), on(result, device="A GPU")
    for one in (other, gpu, gpu):
        stored.write(one)
    found = stored.load(stored.Result, "resnet18")
    assert len(found) == 3 and result in found and other in found
    assert found[-1] == gpu  # processors first
    assert (tmp_path / "resnet18-another-r-processor-4-cores.json").exists()
    assert "A GPU, " in report.headline(gpu)
    assert "Another (R) Processor, 4 cores" in report.headline(other)


def test_a_lesson_shows_every_stored_result_and_says_when_there_is_none(result, monkeypatch, capsys):
    import matplotlib.pyplot as plt

    shown: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(len(plt.get_fignums())))
    stored.write(on(result, device="A GPU"))
    report.show("resnet18")
    told = capsys.readouterr().out
    assert len(shown) == 2
    assert "A GPU" in told
    assert "3 rounds of 3 epochs; steps an epoch: 8 training, 8 evaluation" in told
    report.show("cnn")
    assert capsys.readouterr().out.startswith("No result of the race cnn is stored. `python -m utils race cnn`")
    breakdown.show("cnn")
    assert capsys.readouterr().out.startswith("No breakdown of cnn is stored. `python -m utils race --breakdown cnn`")
    assert len(shown) == 2
    plt.close("all")


@pytest.mark.parametrize(
    ("speed", "text"), [(3856.2, "3,856"), (41.4, "41"), (2.96, "3.0"), (2.74, "2.7"), (0.31, "0.31")]
)
def test_speeds_are_told_to_a_readers_precision(result, speed, text):
    result = replace(result, runs=[r | {"train": [result.batch * result.steps / speed] * 3} for r in result.runs])
    assert f" {text}  " in report.as_table(result)


# ---- what the course ships

# the results that the lessons' prose speaks of; a user's own lie beside them
MACHINE = "amd-epyc-2-cores"
RACED = ("cnn", "vgg8", "resnet18", "swin_micro", "swin_tiny_32_float32", "swin_tiny_64_float32")
SHIPPED = [stored.FOLDER / f"{race}-{MACHINE}.json" for race in RACED]
SHIPPED_STEPS = [stored.FOLDER / f"step-{race}-{MACHINE}.json" for race in ("resnet18", "swin_micro")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_result_is_of_the_race_as_it_is_and_has_pairs_of_one_model(path):
    result = stored.read(stored.Result, path)
    race = catalogue.fitted(catalogue.RACES[result.race], gpu=result.machine["device"] != "cpu")
    assert (result.batch, result.steps, result.precision) == (race.batch, race.steps, race.precision)
    assert {len(run_["train"]) for run_ in result.runs} == {race.epochs}
    assert result.machine["processor"] and result.date and {"jax", "torch"} <= set(result.versions)
    assert len(report.ratios(result, "train", "torch")) >= 3
    assert len({run_["parameters"] for run_ in result.runs}) == 1


@pytest.mark.parametrize("path", SHIPPED_STEPS, ids=lambda path: path.stem)
def test_a_shipped_breakdown_is_of_the_race_as_it_is_and_adds_up(path):
    result = stored.read(breakdown.Breakdown, path)
    computed = sum(result.milliseconds[name] for name in ("forward", "backward", "update"))
    assert computed == pytest.approx(result.milliseconds["step"], rel=0.25)
    assert result.machine["processor"] and result.date and result.data
    assert result.batch == catalogue.RACES[result.race].batch
