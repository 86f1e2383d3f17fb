"""The samples: that they are what TFDS would have prepared, the same everywhere, and never half there."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core import _multiarray_umath as umath

from utils import samples
from utils.base import paths
from utils.base.errors import CourseError
from utils.samples import dice, digits, draw, recipes, shapes, store

FEW = 30  # pictures a split in the small variants that these tests make; of mnist all are made
MAKE = f"""
import sys
from pathlib import Path
from utils.samples import recipes

for name, recipe in recipes.RECIPES.items():
    if recipe.drawing:
        recipes.RECIPES[name] = recipe._replace(counts=dict.fromkeys(recipe.counts, {FEW}))
    recipes.make(name, Path(sys.argv[1]))
"""


def make_few(folder: Path, **environment: str) -> Path:
    """Have another process make a few pictures of each sample. Returns the folder."""
    command = [sys.executable, "-c", MAKE, str(folder)]
    subprocess.run(command, env=os.environ | environment, cwd=paths.ROOT, check=True)
    return folder


def few(name: str, split: str, count: int = FEW) -> list[dict]:
    return list(itertools.islice(recipes.examples(name, split), count))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


# ---- the files


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A data directory with a few pictures of each sample, made as by another machine.

    That is, in a process with another order of hashes, and without the vector instructions of this machine's
    processor that NumPy and libjpeg-turbo would choose.
    """
    chosen = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(chosen), "JSIMD_FORCENONE": "1", "PYTHONHASHSEED": "1"}
    return make_few(tmp_path_factory.mktemp("small"), **plain)


@pytest.mark.proof
def test_another_process_makes_the_same_bytes_with_other_instructions(small, tmp_path):
    first, second = digests(small), digests(make_few(tmp_path))
    assert any(file.endswith("dataset_info.json") for file in first)
    assert first == second


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("mnist", "f10dc527878116ff"),
        ("cifar10", "d7cac196680b85c2"),
        ("cats_vs_dogs", "48f67de3c6fe182d"),
        ("imagenette/160px-v2", "c53357a6b3bf7008"),
    ],
)
def test_pictures_are_those_that_the_lessons_outputs_were_made_with(name, digest):
    """If they are meant to change: raise store.RECIPE, and execute the lessons anew."""
    assert list(recipes.RECIPES) == ["mnist", "cifar10", "cats_vs_dogs", "imagenette/160px-v2"]
    hashed = hashlib.sha256()
    for split in recipes.RECIPES[name].counts:
        for example in few(name, split):
            hashed.update(example["image"].tobytes() + bytes([example["label"]]))
    assert hashed.hexdigest()[:16] == digest


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_sample_is_read_as_the_real_set_would_be(name, small, tmp_path):
    import tensorflow_datasets as tfds

    real = tfds.builder(name, data_dir=tmp_path)  # not prepared: what the builder itself says
    recipe = recipes.RECIPES[name]
    for builder in (tfds.builder(name, data_dir=small), tfds.builder_from_directory(small / recipe.place)):
        assert builder.info.full_name == real.info.full_name
        assert builder.info.supervised_keys == real.info.supervised_keys
        assert builder.info.features.to_json() == real.info.features.to_json()
        counts = dict.fromkeys(recipe.counts, FEW) if recipe.drawing else recipe.counts
        assert {split: info.num_examples for split, info in builder.info.splits.items()} == counts
        if name != "cifar10":  # whose builder learns its names only from the download
            assert builder.info.features["label"].names == real.info.features["label"].names
        raw = builder.as_dataset(split="train[:50%]", decoders={"image": tfds.decode.SkipDecoding()})
        half = [example["image"] for example in raw.as_numpy_iterator()]
        assert len(half) == round(counts["train"] / 2)
        start = b"\x89PNG" if name in ("mnist", "cifar10") else b"\xff\xd8\xff"  # JPEG
        assert all(image.startswith(start) for image in half)
    info = json.loads((small / recipe.place / "dataset_info.json").read_text())
    assert "course" in info["description"] and "citation" not in info  # it says that it is a sample


def test_pictures_come_back_as_they_were_drawn(small):
    import tensorflow_datasets as tfds

    builder = tfds.builder("mnist", data_dir=small)
    for read, drawn in zip(builder.as_dataset(split="test").as_numpy_iterator(), few("mnist", "test"), strict=False):
        assert np.array_equal(read["image"], drawn["image"])  # PNG: nothing lost
        assert read["label"] == drawn["label"]


# ---- the pictures


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_split_holds_its_classes_evenly(name):
    recipe = recipes.RECIPES[name]
    for split, count in recipe.counts.items():
        if recipe.drawing is None:
            labels = np.array([label for _, label in digits.pictures(split)])
        else:
            labels = recipes.labels(recipe, split)
        shares = np.bincount(labels) / count
        assert len(labels) == count
        assert shares == pytest.approx(np.full(len(shares), 1 / len(shares)), rel=0.15)
        assert len(np.unique(labels[: 20 * len(shares)])) == len(shares)  # mixed, not sorted


def test_colour_alone_does_not_tell_the_classes():
    from sklearn.linear_model import LogisticRegression

    def colours(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        some = few("cifar10", split, count)
        pixels = np.array([example["image"] for example in some]).reshape(count, -1, 3) / 255
        features = np.concatenate([pixels.mean(1), pixels.std(1)], axis=1)
        return features, np.array([example["label"] for example in some])

    model = LogisticRegression(max_iter=1000).fit(*colours("train", 500))
    assert model.score(*colours("test", 250)) < 0.35


@pytest.mark.parametrize("name", sorted({*recipes.CIFAR, *recipes.IMAGENETTE}))
def test_every_outline_can_be_drawn(name):
    shape = shapes.load(name)
    assert shape.coats <= set(shape.paints)
    for view in shape.views:
        assert np.abs(view.points).max() <= 130 * shapes.UNIT  # it fills its square and hardly leaves it
        assert np.ptp(view.points, axis=0).max() > 140 * shapes.UNIT
    plain = draw.Hardness(span=(90, 90), clutter=0, litter=0, cover=0, noise=0)
    picture = draw.picture(name, dice.Dice(1), 40, 50, plain)
    assert picture.shape == (40, 50, 3)
    assert picture.dtype == np.uint8


# ---- the place


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def toy(cache: Path, monkeypatch) -> Path:
    """Where a sample called "toy" is put, which is made at once."""

    def make(name: str, folder: Path) -> Path:
        place = folder / "toy" / "1.0.0"
        place.mkdir(parents=True)
        (place / "dataset_info.json").write_text("{}")
        return place

    monkeypatch.setitem(recipes.RECIPES, "toy", recipes.Recipe("toy/1.0.0", {}, ""))
    monkeypatch.setattr(recipes, "make", make)
    return store.data_dir() / "toy" / "1.0.0"


def leftovers() -> list[Path]:
    return list(store.data_dir().glob(".making-*"))


def test_a_sample_is_made_once(cache, toy, monkeypatch):
    assert samples.ensure("toy") == toy and toy.is_relative_to(cache)
    monkeypatch.setattr(recipes, "make", None)  # which is not asked
    assert samples.ensure("toy") == toy
    assert leftovers() == []


def test_two_that_make_a_sample_at_once_end_with_one_whole(toy, monkeypatch):
    make = recipes.make

    def overtaken(name: str, folder: Path) -> Path:
        monkeypatch.setattr(recipes, "make", make)
        samples.ensure("toy")  # as another process does, between this one's look and its rename
        return make(name, folder)

    monkeypatch.setattr(recipes, "make", overtaken)
    assert samples.ensure("toy") == toy
    assert [file.name for file in toy.iterdir()] == ["dataset_info.json"]
    assert leftovers() == []


def test_an_unwritable_cache_is_an_error_with_its_cure(cache, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(cache / "file"))
    with pytest.raises(CourseError, match="COURSE_CACHE"):
        samples.ensure("mnist")


def test_a_relative_cache_is_the_same_folder_from_every_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", "build/elsewhere")
    monkeypatch.chdir(tmp_path)
    assert paths.cache_dir() == paths.ROOT / "build" / "elsewhere"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal, limit or link")
def test_a_full_disk_is_an_error_with_its_cure(cache):
    import resource

    # the largest file allowed stands for the room left: writing beyond it fails as writing to a full disk does
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(CourseError, match="COURSE_CACHE"):
            samples.ensure("mnist")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert leftovers() == []
    assert not (store.data_dir() / "mnist" / "3.0.1").exists()
