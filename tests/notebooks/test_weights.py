"""Weights in files: what is saved comes back, and what cannot be loaded is told by its name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from utils import weights
from utils.base.errors import CourseError


class Pair(NamedTuple):
    mean: jax.Array
    scales: list


def tree() -> dict:
    keys = jax.random.split(jax.random.key(0), 3)
    return {
        "vgg8/~/conv": {"w": jax.random.normal(keys[0], (3, 3, 2, 4)), "b": jnp.zeros(4)},
        "norm": Pair(
            jax.random.normal(keys[1], (4,), jnp.bfloat16), [jnp.float16(0.5), jnp.arange(3), jnp.array([True, False])]
        ),
        "nothing": {},
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return weights.save(tmp_path / "mine.safetensors", tree(), note={"model": "VGG8"})


def test_every_leaf_comes_back_to_the_bit_with_its_dtype_and_the_trees_own_classes(file):
    back = weights.load(file, jax.eval_shape(tree))
    assert jax.tree.structure(back) == jax.tree.structure(tree())
    for got, want in zip(jax.tree.leaves(back), jax.tree.leaves(tree()), strict=True):
        assert isinstance(got, jax.Array)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        assert np.array_equal(got, want)


def test_the_names_are_the_paths_and_the_note_is_in_the_header(file):
    names = {"vgg8/~/conv/w", "vgg8/~/conv/b", "norm/mean", "norm/scales/0", "norm/scales/1", "norm/scales/2"}
    with safetensors.safe_open(file, "numpy") as other_reader:
        assert set(other_reader.keys()) == names
        assert other_reader.metadata() == {"model": "VGG8"}


def test_arrays_that_are_not_row_by_row_are_saved_as_what_they_show(tmp_path):
    turned = np.arange(6.0, dtype=np.float32).reshape(2, 3).T
    file = weights.save(tmp_path / "a.safetensors", {"w": turned, "part": turned[::2]})
    back = weights.load(file, {"w": turned, "part": turned[::2]})
    assert np.array_equal(back["w"], turned) and np.array_equal(back["part"], turned[::2])


def test_weights_of_another_model_are_told_by_name(file):
    other = tree()
    other["vgg8/~/conv"] = {"w": jnp.zeros((3, 3, 2, 8)), "b": jnp.zeros(4)}
    with pytest.raises(CourseError, match=r"vgg8/~/conv/w is \[3, 3, 2, 4\] float32, not \[3, 3, 2, 8\] float32"):
        weights.load(file, other)
    with pytest.raises(CourseError, match=r"not expected: norm/mean, norm/scales/0, norm/scales/1 and 1 more"):
        weights.load(file, {"vgg8/~/conv": tree()["vgg8/~/conv"]})
    with pytest.raises(CourseError, match=r"model: missing: head/w\."):
        weights.load(file, tree() | {"head": {"w": jnp.zeros(2)}})
    with pytest.raises(CourseError, match=r"norm/mean is \[4\] bfloat16, not \[4\] float32"):
        weights.load(file, tree() | {"norm": Pair(jnp.zeros(4), tree()["norm"].scales)})


def test_a_file_that_is_not_whole_or_of_another_format_is_refused(file):
    whole = file.read_bytes()
    cut = [whole[:length] for length in (0, 5, 40, len(whole) // 2, len(whole) - 1)]
    others = [b"hello, this is a text " * 99, b"\x80\x04\x95" * 99, b"\x02" + b"\0" * 7 + b"[]"]
    for content in (*cut, *others, whole + b"more"):
        file.write_bytes(content)
        with pytest.raises(CourseError, match=r"no safetensors file, or is cut short or damaged .*again"):
            weights.load(file, tree())


def test_what_is_no_weight_is_said(tmp_path):
    for wrong, message in (
        ({"key": jax.random.key(0)}, "key is a random key"),
        ({"name": "VGG8"}, "name is .*a weights file holds arrays of numbers only"),
        ({"a": None}, "the tree is empty"),
        ({"a/b": jnp.ones(1), "a": {"b": jnp.ones(1)}}, "Two leaves of the tree are called 'a/b'"),
    ):
        with pytest.raises(CourseError, match=message):
            weights.save(tmp_path / "a.safetensors", wrong)
    assert not list(tmp_path.iterdir())
