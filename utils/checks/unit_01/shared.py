"""What several exercises of unit 01 use: whether a program is written out once for every row, and an argument changed."""

from __future__ import annotations

from typing import Any

import jax

from utils.checks.answers import CHANGED, Told


def tell_if_it_grows(message: str, call: Any, like: Any, sizes: tuple[int, int]) -> None:
    """Told `message`, if the program of `call` is longer for more rows; `like` is its argument or a tuple of these.

    Only while it is exported: what calls it without tracing is a known mistake, and of these none grows.
    """
    arrays = like if isinstance(like, tuple) else (like,)
    if not isinstance(arrays[0], jax.core.Tracer):
        return
    lines = []
    for many in sizes:
        args = [jax.ShapeDtypeStruct((many, *one.shape[1:]), one.dtype) for one in arrays]
        lines.append(jax.jit(lambda *args: call(*args)).lower(*args).as_text().count("\n"))
    if lines[1] > lines[0]:
        raise Told(message)


def untouched(call: Any, *trees: Any) -> Any:
    """What a call gives that should leave these trees as they are."""
    before, form = jax.tree.flatten(trees)
    result = call(*trees)
    after, form_after = jax.tree.flatten(trees)
    if form != form_after or any(a is not b for a, b in zip(before, after, strict=True)):
        raise Told(CHANGED)
    return result
