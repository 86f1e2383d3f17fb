"""A figure in words says what is in it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from utils import plots
from utils.base import alt_text


def grouped() -> Axes:
    _, axes = plt.subplots()
    for offset, label, heights in ((-0.2, "mine", [1, 2]), (0.2, "theirs", [3, 4])):
        axes.bar(np.arange(2) + offset, heights, width=0.4, label=label)
    axes.set_xticks(range(2), ["loop", "scan"])
    axes.bar(5 + np.arange(3) / 8, 1)
    return axes


def dotted() -> Axes:
    """In rows that are named at the axis, one of them beside its tick."""
    _, axes = plt.subplots()
    axes.plot([2, 5], [-0.1, 0.2], "o")
    axes.plot([4, 3], [1.2, 1.2], "o", label="mine")
    axes.set_yticks(range(2), ["JAX", "Keras"])
    axes.axvline(0.5)
    axes.axhline(7, label="goal")
    return axes


def several() -> Axes:
    _, axes = plt.subplots()
    for number in range(4):
        axes.plot([0, 1, 2], [number, np.nan, -1])
    axes.plot([3, 9], [0.18, 0.18], "o")
    axes.plot([3, 9], [1, 2], "o")
    axes.axvline(2, label="best")
    axes.plot([0, 1], [1, 1], label="mean")
    return axes


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (
            lambda: plots.curves({"train_loss": [3, 2, 1], "validation_loss": [3, 2.5, 2.6]}, title="Two"),
            "Two. loss; values over epoch; line train from 3 to 1, between 1 and 3; "
            "line validation from 3 to 2.6, between 2.5 and 3",
        ),
        (lambda: plots.bars(["Keras", "JAX"], [2, 1.5], title="A step"), "A step; Keras: 2; JAX: 1.5"),
        (grouped, "mine: loop: 1, scan: 2; theirs: loop: 3, scan: 4; 5: 1; 5.12: 1; 5.25: 1"),
        (lambda: plots.images(np.zeros((3, 8, 8)), ["cat", "dog", "cat"]), "3 pictures: cat, dog, cat"),
        (lambda: plots.images(np.zeros((9, 8, 8)), title="digits"), "digits. 9 pictures"),
        (
            lambda: plots.confusion([[4, 3], [1, 9]], ["a", "b"], title="M"),
            "M; true over predicted; 13 of 17 right, most often mistaken: a for b, 3 times",
        ),
        (lambda: plots.confusion(np.eye(2), ["a", "b"]), "true over predicted; 2 of 2 right"),
        (dotted, "JAX: dots from 2 to 5; Keras: dots mine from 3 to 4; a vertical line at 0.5; line goal at 7"),
        (
            several,
            "4 lines between -1 and 3; dots from 3 to 9; dots from 1 to 2; vertical line best at 2; line mean at 1",
        ),
    ],
)
def test_a_figure_is_told_in_words(draw, words):
    assert alt_text.described(draw().figure) == words


def test_what_is_odd_is_told_too_and_only_drawings_may_change_their_colours():
    figure, axes = plt.subplots(1, 2)
    assert alt_text.described(figure) == "a drawing without text" and not alt_text.keeps_its_colours(figure)
    axes[0].plot([np.nan, np.nan])
    axes[0].axhline(3)
    axes[0].hist(range(100), bins=20)
    for number in range(10):
        axes[1].plot([0, number], label=f"{number}")
    told = alt_text.described(figure)
    assert "a line; a line at 3; 20 bars between 5 and 5" in told and "2 more lines" in told
    axes[1].fill_between([0, 1], [0, 1])
    assert not alt_text.keeps_its_colours(figure)
    axes[0].imshow(np.zeros((2, 2)))
    assert alt_text.keeps_its_colours(figure)
