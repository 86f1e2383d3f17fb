"""What checks know of the course's answers, also where the solutions are absent.

The rule for a check, in three lines:

    want = known("want", lambda: reference(x))  # what comes from `reference` is had in this way, or by a probe;
    # the name is given once in a check, and the value is numbers, texts, arrays or shapes, in tuples or dictionaries;
    # it stands where every right answer passes: before the branch that looks for the mistake of a wrong one.

With the solutions there, `known` computes the value. For a release `record` runs each check on the course's own
answer, and writes the values that it asks for to `ressources/known/UNIT.safetensors` (numbers and their structure, no
code) and beside it the untouched exercise. In the release `reference` is what that exercise defines: the course's
answer without its body, so its signature, its annotations and its `__globals__` are real. A check that asks for a value
that was not recorded ends as "could not be checked".

Recorded values were computed on a CPU, so that is where a check that reads them computes, too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from utils import weights
from utils.base.errors import CourseError
from utils.base.paths import EXERCISES, RESSOURCES, shown
from utils.checks.packing import unpacked
from utils.checks.registry import Unit

KNOWN = RESSOURCES / "known"


class NotKnown(Exception):
    """The check needs a value of the course's answer which this copy doesn't hold; the message says so to a student."""


def computed(name: str, compute: Callable[[], Any]) -> Any:
    """The value from the course's answers, which are there."""
    return compute()


Source = Callable[[str, Callable[[], Any]], Any]  # gives a value by its name, or by how it is computed
_source: Source = computed


def known(name: str, compute: Callable[[], Any], *, like: Any = None) -> Any:
    """A value that a check gets from the course's answer.

    Args:
      name: what the check calls it; once in a check.
      compute: gives the value, and is the only place from which `reference` is called.
      like: a tree of the value's structure, for a value whose classes matter (a state that an answer is called with):
        the value comes back in the classes of `like`. Otherwise a named tuple or dataclass comes back, where it was
        recorded, as a named tuple of the same fields.

    Raises:
      NotKnown: the solutions are absent, and the recorded values lack this one.
    """
    value = _source(name, compute)
    return value if like is None else jax.tree.unflatten(jax.tree.structure(like), jax.tree.leaves(value))


@contextlib.contextmanager
def values_from(source: Source) -> Iterator[None]:
    """Where `known` gets its values from, inside a `with`."""
    global _source
    where: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if source is not computed:
        with contextlib.suppress(RuntimeError):  # JAX was told to do without a CPU
            where = jax.default_device(jax.devices("cpu")[0])
    before, _source = _source, source
    try:
        with where:
            yield
    finally:
        _source = before


class Recorded:
    """The values of an exercise from the file that came with a release. It is read when the first is asked for."""

    def __init__(self, unit: str, exercise: str):
        self._file, self._exercise = KNOWN / f"{unit}.safetensors", exercise
        self._values: dict[str, Any] | None = None

    def __call__(self, name: str, compute: Callable[[], Any]) -> Any:
        """The value of that name."""
        if self._values is None:
            self._values = self._read()
        if name not in self._values:
            raise NotKnown(
                f"This copy of the course doesn't hold the value {name!r} that the check of `{self._exercise}` needs. "
                "Fetch the course again, or tell who gave it to you: your answer is not to blame."
            )
        return self._values[name]

    def _read(self) -> dict[str, Any]:
        try:
            arrays = weights.arrays(self._file)
            nodes = json.loads(weights.note(self._file)["known"])[self._exercise]
            many = sum(name.rpartition("/")[0] == self._exercise for name in arrays)
            mine = [arrays[f"{self._exercise}/{i}"] for i in range(many)]
            return {name: unpacked(node, mine) for name, node in nodes.items()}
        except (CourseError, LookupError, TypeError, ValueError, AttributeError) as error:
            state = "is damaged" if self._file.exists() else "is missing"
            raise NotKnown(
                f"The values that `{self._exercise}` is judged by cannot be read: {shown(self._file)} {state}. "
                "Fetch the course again: your answer is not to blame."
            ) from error


def stubs(unit: Unit) -> Path:
    """The untouched exercise, which stands in for the solution: as it was recorded, else the one in `exercises`."""
    file = KNOWN / f"{unit.name}.py"
    return file if file.exists() else EXERCISES / file.name
