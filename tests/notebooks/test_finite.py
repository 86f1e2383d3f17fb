"""The guard against NaN: it says where, and keeps what was good."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from utils import finite

GOOD = {"a": {"w": jnp.ones((2, 2)), "n": jnp.arange(3)}, "b": [jnp.zeros(3), jnp.ones(2, jnp.bfloat16)]}


def spoilt(value: float) -> dict:
    return {"a": GOOD["a"], "b": [jnp.array([0.0, value, 0.0]), jnp.full(2, value, jnp.bfloat16)]}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_leaf_that_is_not_finite_is_named(value):
    assert finite.first(GOOD) is None
    assert finite.first(spoilt(value)) == "b/0"
    with pytest.raises(finite.NotFinite, match=r"after step 7 the loss is finite; the first leaf .*: b/0\.") as caught:
        finite.check(7, 0.5, spoilt(value))
    assert (caught.value.step, caught.value.leaf) == (7, "b/0")


@pytest.mark.parametrize("kind", [list, np.array, jnp.array])
def test_the_first_of_several_losses_that_is_not_finite_gives_the_step(kind):
    with pytest.raises(finite.NotFinite, match="the loss of step 8 is nan; all of the tree is finite") as caught:
        finite.check(10, kind([1.0, 0.5, np.nan, np.inf, 1.0]), GOOD)
    assert (caught.value.step, caught.value.leaf) == (8, None)


def test_finite_numbers_integers_and_keys_pass():
    finite.check(0, jnp.float32(3.0), {**GOOD, "key": jax.random.key(0), "step": 3, "none": None})
    finite.check(0, [jnp.float32(1.0), jnp.float32(2.0)])
    finite.check(0, None, GOOD)


def test_the_guard_keeps_the_last_good_tree_even_when_its_memory_is_given_away():
    step = jax.jit(lambda tree: jax.tree.map(lambda leaf: leaf + 1, tree), donate_argnums=0)
    tree = {"w": jnp.zeros(3)}
    guard = finite.Guard(tree)
    tree = step(tree)
    guard.check(1, 0.5, tree)
    tree = step(tree)
    with pytest.raises(finite.NotFinite, match=r"The weights of step 1 are kept \(guard\.good\)"):
        guard.check(2, jnp.nan, tree)
    assert guard.step == 1
    assert np.array_equal(guard.good["w"], np.ones(3))
    with pytest.raises(finite.NotFinite, match="b/0"):  # not begun on what is spoilt already
        finite.Guard(spoilt(np.nan))
