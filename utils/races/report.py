"""What a stored race says: ratios pair by pair, a table, pictures."""

from __future__ import annotations

import statistics
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from utils import plots  # noqa: F401  # the course's style
from utils.base import table
from utils.races import stored
from utils.races.catalogue import TITLES
from utils.races.stored import Result

PHASES = ("train", "train, first epoch", "evaluate", "evaluate, first epoch")


def entrants(result: Result) -> list[str]:
    """Who ran, in the order of the table."""
    return [name for name in TITLES if runs_of(result, name)]


def runs_of(result: Result, entrant: str) -> list[dict[str, Any]]:
    """The runs of one entrant, as `stored.Result` holds them, round by round."""
    return [run for run in result.runs if run["entrant"] == entrant]


def pictures_per_second(result: Result, run: dict[str, Any], phase: str) -> float:
    """Of one run in one of PHASES. "train" and "evaluate" leave out the first epoch, in which programs are compiled."""
    what, _, first = phase.partition(", ")
    seconds: list[float] = run[what][:1] if first else run[what][1:]
    steps = result.steps if what == "train" else result.eval_steps
    return result.batch * steps / statistics.median(seconds)


def ratios(result: Result, phase: str, other: str, ours: str = "jax") -> list[float]:
    """Compare JAX ("jax", or "jax fast") with another entrant in one of PHASES, each round's two runs with one another.

    Returns:
        How many times as fast JAX was in each round that both ran in; below 1 it was slower.
    """
    mine, theirs = (
        {run["round"]: pictures_per_second(result, run, phase) for run in runs_of(result, name)}
        for name in (ours, other)
    )
    return [mine[k] / theirs[k] for k in mine if k in theirs]


def as_table(result: Result) -> str:
    """Pictures a second of everybody, and the ratio of each of JAX's entrants to each, as text."""
    own = [name for name in entrants(result) if name.startswith("jax")]
    rows = []
    for phase in PHASES:
        rows.append([phase, *[""] * (2 + len(own))])
        for name in entrants(result):
            speeds = [pictures_per_second(result, run, phase) for run in runs_of(result, name)]
            middle, lowest, highest = (_figures(pick(speeds)) for pick in (statistics.median, min, max))
            against = [ratios(result, phase, name, ours) if name != ours else [] for ours in own]
            told = [f"{statistics.median(one):.2f}× ({min(one):.2f}–{max(one):.2f})" if one else "" for one in against]
            rows.append([f"  {TITLES[name]}", middle, f"{lowest}–{highest}", *told])
    headings = ["", "median\nimg/s", "range", *(f"{TITLES[name]}: so\nmany times as fast" for name in own)]
    text = table.render(headings, rows, right=(1, 2))
    absent = [f"{TITLES.get(name, name)} did not run: {why}" for name, why in result.missing.items()]
    return "\n".join([f"{headline(result)}\n\n{text}\n\n{first_steps(result)}", *absent])


def first_steps(result: Result) -> str:
    """How long everybody's first training step took, compilation included, in a line."""
    times = {name: statistics.median(run["first_step"] for run in runs_of(result, name)) for name in entrants(result)}
    return "first step: " + "; ".join(f"{TITLES[name]} {seconds:.2f} s" for name, seconds in times.items())


def headline(result: Result) -> str:
    """What was raced, for how long, and where, in three lines."""
    rounds = len({run["round"] for run in result.runs})
    epochs = len(result.runs[0]["train"])
    libraries = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return (
        f"{result.title}; batch {result.batch}, {result.precision}\n"
        f"{rounds} rounds of {epochs} epochs; steps an epoch: {result.steps} training, {result.eval_steps} evaluation\n"
        f"{stored.where(result.machine)}, {result.date}; {libraries}"
    )


def show(race: str) -> None:
    """What a lesson shows of a race: every stored result, as a table and drawn; a line when there is none."""
    results = stored.load(Result, race)
    for result in results:
        print(as_table(result))
        draw(result)
        plt.show()
    if not results:
        print(f"No result of the race {race} is stored. `python -m utils race {race}` makes one.")


def draw(result: Result) -> tuple[Any, Any]:
    """Epoch by epoch, and as bars with and without the first epoch. Returns (figure, axes [2, 2])."""
    names = entrants(result)
    figure, axes = plt.subplots(2, 2, figsize=(10, 5.2), layout="constrained", width_ratios=(3, 2))
    for row, what in enumerate(("train", "evaluate")):
        lines, bars = axes[row]
        for place, name in enumerate(names):
            runs = runs_of(result, name)
            seconds = np.array([run[what] for run in runs])  # [runs, epochs]
            epochs, colour = range(1, seconds.shape[1] + 1), f"C{place}"
            lines.plot(epochs, np.median(seconds, axis=0), "o-", label=TITLES[name], color=colour)
            lines.fill_between(epochs, seconds.min(axis=0), seconds.max(axis=0), alpha=0.2, color=colour)
            for shift, phase, strength in ((-0.2, f"{what}, first epoch", 0.4), (0.2, what, 1.0)):
                speeds = [pictures_per_second(result, run, phase) for run in runs]
                bars.bar(place + shift, statistics.median(speeds), 0.38, color=colour, alpha=strength)
                bars.vlines(place + shift, min(speeds), max(speeds), color="black", linewidth=1)
        lines.set(
            xlabel="epoch", ylabel="seconds", xticks=list(epochs), yscale="log", title=f"{what}: seconds an epoch"
        )
        lines.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        for plainly in (lines.yaxis.set_major_formatter, lines.yaxis.set_minor_formatter):
            plainly("{x:g}")  # 0.3, not 3 × 10⁻¹
        bars.set(title=f"{what}: pictures/s (pale: epoch 1)", xticks=range(len(names)))
        bars.set_xticklabels([TITLES[name].replace(", ", "\n") for name in names])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(names))
    return figure, axes


def _figures(speed: float) -> str:
    """A speed to a reader's precision: 3,856; 41; 2.7; 0.31."""
    return f"{speed:,.0f}" if speed >= 20 else f"{speed:.1f}" if speed >= 1 else f"{speed:.2g}"
