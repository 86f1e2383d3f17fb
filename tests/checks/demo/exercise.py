"""An exercise of the tests' own: the mean of a vector, and its gradient."""

import jax

from utils.checks.exercise import Exercise
from utils.checks.registry import Unit


def draw(rng, size, scale=1.0):
    return {"x": rng.normal(size, scale=scale, around=1.0)}


def ask(answer, own, *, x):
    return {"mean": answer(x), "gradient": jax.grad(answer)(x)}


average = Exercise(
    name="average",
    title="The mean of a vector",
    stars=1,
    minutes=5,
    points=2,
    hints=("first", "second"),
    sizes=({"size": 3}, {"size": 1, "about": "a single number"}, {"size": 6, "scale": 1e6, "about": "large numbers"}),
    draw=draw,
    ask=ask,
)


class Demo(Unit):
    """A unit whose solution lies beside this file, or nowhere."""

    solution = "tests/checks/demo/99_demo.py"


unit = Demo("99_demo", [average])
