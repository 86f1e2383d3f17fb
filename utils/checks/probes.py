"""What a check asks of an answer. Every probe raises `Mistake` with the likely cause, or returns quietly.

Arrays are compared leaf by leaf, along the path by which a leaf is reached: a student's own `NamedTuple`
with the same fields as the course's is as good as it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from utils.base import trees
from utils.checks.known import known

_NONE = "It returned `None`. Is the `return` missing?"


class Mistake(Exception):
    """The answer is wrong; the message says why."""


def fail(message: str) -> NoReturn:
    """The answer is wrong, for this reason."""
    raise Mistake(message)


def expect(condition: bool, message: str) -> None:
    """The answer is wrong unless the condition holds."""
    if not condition:
        fail(message)


@contextmanager
def doing(what: str, *, of_mistakes: bool = True) -> Iterator[None]:
    """Say in the message what the check was doing when something went wrong, e.g. "under `jax.jit`"."""
    try:
        yield
    except Mistake as mistake:
        if not of_mistakes:
            raise
        raise Mistake(f"{what[0].upper()}{what[1:]}: {mistake}") from mistake
    except BaseException as error:
        if not hasattr(error, "course_doing"):
            error.course_doing = what  # type: ignore[attr-defined]
        raise


def call(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the answer; its result must be something, hold no leaked tracer and no NaN."""
    result = fn(*args, **kwargs)
    _usable(result)
    return result


def _usable(result: Any) -> None:
    expect(result is not None, _NONE)
    for path, leaf in _leaves(result).items():
        where = f" (at {path})" if path else ""
        if isinstance(leaf, jax.core.Tracer):
            fail(
                f"It returned a tracer{where}: a value from inside a `jit`, `grad` or `vmap` that was kept in a "
                "variable outside. Return what you need instead of storing it."
            )
        if _is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.inexact) and bool(jnp.isnan(leaf).any()):
            fail(
                f"The result holds NaN{where}. Look for a logarithm or a square root of something ≤ 0, "
                "a division by 0, or an overflow in `exp`."
            )


def same_shapes(
    answer: Callable[..., Any], reference: Callable[..., Any], *args: Any, known_as: str = "shapes", **kwargs: Any
) -> None:
    """Structure, shapes and dtypes of both results, by `jax.eval_shape`: no arithmetic is done.

    known_as: the name of the reference's shapes among what the check knows; a second call in a check needs another.
    """

    def traced(*a: Any) -> Any:
        result = answer(*a, **kwargs)
        expect(result is not None, _NONE)
        for path, leaf in _leaves(result).items():
            expect(_is_number(leaf), f"The result{_at(path)} is {kind(leaf)}; an array is wanted.")
        return result

    with doing("while it was traced to see the shapes", of_mistakes=False):
        got = jax.eval_shape(traced, *args)
    want = known(known_as, lambda: jax.eval_shape(lambda *a: reference(*a, **kwargs), *args))
    like(got, want)


def like(got: Any, want: Any) -> None:
    """`got` has the structure, the shapes and the dtypes of `want` (arrays or ShapeDtypeStructs)."""
    expect(got is not None or want is None, _NONE)
    got_leaves, want_leaves = _leaves(got), _leaves(want)
    if got_leaves.keys() != want_leaves.keys():
        fail(_structure_message(got, want, got_leaves, want_leaves))
    for path, wanted in want_leaves.items():
        _like_leaf(got_leaves[path], wanted, _at(path))


def _like_leaf(got: Any, want: Any, where: str) -> None:
    if not _is_array(want):
        expect(type(got) is type(want), f"The result{where} is {kind(got)}; {kind(want)} is wanted.")
        return
    if isinstance(got, bool | int | float | complex) and not _is_array(got):
        fail(
            f"The result{where} is a Python `{type(got).__name__}`; a JAX array {trees.form(want)} is wanted. "
            "`float()`, `int()` and `.item()` leave JAX."
        )
    expect(_is_array(got), f"The result{where} is {kind(got)}; an array {trees.form(want)} is wanted.")
    expect(got.shape == want.shape, f"The result{where} has shape {_shape(got)}; {_shape(want)} is wanted.")
    if got.dtype != want.dtype:
        numpy_habit = isinstance(got, np.ndarray | np.generic) and got.dtype == np.float64
        hint = " NumPy computes in float64: stay with `jnp`." if numpy_habit else ""
        fail(f"The result{where} has dtype {got.dtype}; {want.dtype} is wanted.{hint}")


def close(
    got: Any,
    want: Any,
    *,
    mistakes: Mapping[str, Any] | None = None,
    because: str = "",
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """`got` equals `want` up to rounding.

    Args:
      got: what the answer returned.
      want: what it should have returned; a tree of arrays.
      mistakes: message → the value that a known mistake gives. The first that `got` equals is told.
      because: what to tell when the values differ and no known mistake explains it.
      rtol: relative tolerance.
      atol: absolute tolerance.
    """
    _usable(got)
    right = agrees(got, want, rtol, atol)
    for message, value in (mistakes or {}).items():
        expect(right or not agrees(got, value, rtol, atol), message)
    like(got, want)
    got_leaves = _leaves(got)
    for path, wanted in _leaves(want).items():
        if not _leaf_equal(got_leaves[path], wanted, rtol, atol):
            fail(f"The values differ{_at(path)}: {_difference(got_leaves[path], wanted)}. {because}".rstrip())


def agrees(got: Any, want: Any, rtol: float = 1e-5, atol: float = 1e-6) -> bool:
    """Whether two trees hold the same numbers up to rounding: then no mistake need be computed."""
    a, b = _leaves(got), _leaves(want)
    return a.keys() == b.keys() and all(_leaf_equal(a[path], b[path], rtol, atol) for path in a)


def _leaf_equal(got: Any, want: Any, rtol: float, atol: float) -> bool:
    if not (_is_number(got) and _is_number(want)):
        return type(got) is type(want) and bool(got == want)
    a, b = _numpy(got), _numpy(want)
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "fc" or b.dtype.kind in "fc":
        return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))
    return bool(np.array_equal(a, b))


def _difference(got: Any, want: Any) -> str:
    if not (_is_number(got) and _is_number(want)):
        return f"got {got!r:.60}, want {want!r:.60}"
    a, b = np.atleast_1d(_numpy(got)), np.atleast_1d(_numpy(want))
    apart = np.abs(a - b) if a.dtype.kind in "fc" else a != b
    index = tuple(int(i) for i in np.unravel_index(int(np.nanargmax(apart)), apart.shape))
    at = f"most at index {list(index)}, " if np.shape(_numpy(got)) else ""
    return f"{at}got {a[index]:.6g}, want {b[index]:.6g}"


def pure(fn: Callable[..., Any], *args: Any) -> None:
    """Called twice it returns the same, and it leaves its arguments as they were."""
    kept = [_frozen(arg) for arg in args]
    first = call(fn, *args)
    if not all(agrees(_frozen(arg), before, 0.0, 0.0) for arg, before in zip(args, kept, strict=True)):
        fail("It changed one of its arguments. A pure function leaves them as they are and returns a new value.")
    if not agrees(call(fn, *args), first, 1e-6, 1e-7):
        fail("Called twice with the same arguments it gives two results: something outside it has changed.")


def jits(fn: Callable[..., Any], *args: Any) -> None:
    """It works under `jax.jit` and gives there what it gives without."""
    plain = call(fn, *args)
    with doing("under `jax.jit`"):
        compiled = call(jax.jit(fn), *args)
        if not agrees(compiled, plain, 1e-4, 1e-5):
            fail("it gives another result than without. Does it read or change something outside itself?")


class traces:
    """A function that counts how often JAX traces it, `count`, which is how often it is compiled."""

    def __init__(self, fn: Callable[..., Any]):
        self.fn = fn
        self.count = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it, and count."""
        self.count += 1
        return self.fn(*args, **kwargs)


def gradient(fn: Callable[..., Any], *args: Any, argnums: int = 0, tolerance: float = 2e-2) -> None:
    """`jax.grad` of a scalar function agrees with central differences along a random direction."""
    step = 1e-2
    with doing("under `jax.grad`"):
        slope, _ = ravel_pytree(jax.grad(fn, argnums=argnums)(*args))
        expect(
            bool(jnp.isfinite(slope).all()),
            "the gradient holds NaN or infinity although the value does not. A `jnp.where` differentiates both "
            "branches: keep the unused one finite too.",
        )
        point, as_it_was = ravel_pytree(args[argnums])
        direction = jax.random.normal(jax.random.key(0), point.shape)
        direction = direction / jnp.linalg.norm(direction)

        def at(distance: float) -> Any:
            return fn(*args[:argnums], as_it_was(point + distance * direction), *args[argnums + 1 :])

        numeric, analytic = float((at(step) - at(-step)) / (2 * step)), float(slope @ direction)
        expect(
            abs(numeric - analytic) <= tolerance * max(1.0, abs(numeric)),
            f"the gradient disagrees with finite differences ({analytic:.4g} against {numeric:.4g}). "
            "Does the computation leave JAX, stop the gradient, or round?",
        )


def keys(fn: Callable[..., Any], key: Any, *args: Any) -> None:
    """The key alone decides: same key, same result; another key, another result; and no key is used twice."""
    first = call(fn, key, *args)
    if not agrees(call(fn, key, *args), first, 0.0, 0.0):
        fail("The same key gives two results: some randomness does not come from the key (NumPy's generator?).")
    if agrees(call(fn, jax.random.fold_in(key, 1), *args), first, 0.0, 0.0):
        fail("Another key gives the same result: the key that is passed in is not used.")
    with jax.debug_key_reuse(True):
        try:
            # a key of its own, whose history begins here
            fn(jax.random.wrap_key_data(jnp.asarray(jax.random.key_data(key)), impl=jax.random.key_impl(key)), *args)
        except jax.errors.KeyReuseError:
            fail(
                "One key is used for two draws, which are then the same draw. "
                "Split it first: `key, subkey = jax.random.split(key)`."
            )


def _leaves(tree: Any) -> dict[str, Any]:
    """Leaves by their path, e.g. `.params['Dense_0']['bias']` → "params.Dense_0.bias"."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: x is None)
    return {".".join(trees.step(key) for key in path): leaf for path, leaf in flat}


def _structure_message(got: Any, want: Any, got_leaves: dict[str, Any], want_leaves: dict[str, Any]) -> str:
    if set(want_leaves) == {""}:
        return f"It returned {kind(got)}; {kind(want)} is wanted."
    if set(got_leaves) == {""}:
        return f"It returned {kind(got)}; {kind(want)} is wanted, with {_names(want_leaves)}."
    missing, extra = set(want_leaves) - set(got_leaves), set(got_leaves) - set(want_leaves)
    parts = [f"{_names(missing)} missing"] * bool(missing) + [f"{_names(extra)} not expected"] * bool(extra)
    return f"The result has another structure: {', '.join(parts)}."


def _names(paths: Any) -> str:
    shown = [f"`{path}`" for path in sorted(paths)]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def kind(value: Any) -> str:
    """What a value is, in a message: "`None`", "an array [3] float32", "a `tuple` of 2"."""
    if value is None:
        return "`None`"
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    if _is_array(value):
        return f"an array {trees.form(value)}"
    many = f" of {len(value)}" if isinstance(value, tuple | list | dict) else ""
    return f"a `{type(value).__name__}`{many}"


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _is_number(value: Any) -> bool:
    return _is_array(value) or isinstance(value, bool | int | float | complex)


def _shape(value: Any) -> str:
    return "[" + ", ".join(str(size) for size in value.shape) + "]" + (" (one number)" if value.shape == () else "")


def _numpy(value: Any) -> np.ndarray:
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    array = np.asarray(value)
    # bfloat16 and its like have no NumPy comparison of their own
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


def _frozen(tree: Any) -> Any:
    """A copy of the arrays of a tree, so that a later change in place shows."""
    return jax.tree.map(lambda leaf: np.array(_numpy(leaf)) if _is_array(leaf) else leaf, tree)
