"""What `data.load` promises of its batches, on sets of a few pictures that the tests write themselves."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from utils import data
from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import datasets
from utils.data import augment

NUMPY = {"quiet": True, "device": "numpy"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny.cats_vs_dogs(tiny.mnist(tmp_path_factory.mktemp("tfds")))


@pytest.fixture(autouse=True)
def real(monkeypatch, folder: Path) -> None:
    monkeypatch.setenv("COURSE_DATA", "tfds")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))


def numbers(batches) -> list[int]:
    """Which pictures these are, in order: tiny.mnist writes it into the first pixel."""
    return [round(float(x)) for batch in batches for x in batch.image[batch.mask, 0, 0, 0]]


def raw(name="mnist", split="train", **options) -> data.Batches:
    """Pixels as they are, 0..255."""
    return data.load(name, split, **{"batch_size": 8, "normalise": None, **NUMPY, **options})


# what a batch is


@pytest.mark.parametrize("device", [None, "numpy"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_batch_is_as_spec_says(device, shuffle):
    import jax

    batches = data.load("mnist", "train", batch_size=8, shuffle=shuffle, device=device, quiet=True)
    seen = list(batches)
    assert len(seen) == len(batches) == (6 if shuffle else 7)
    for batch in seen:
        assert isinstance(batch, data.Batch)
        for leaf, spec in zip(batch, batches.spec, strict=True):
            assert isinstance(leaf, np.ndarray if device else jax.Array)
            assert (leaf.shape, leaf.dtype) == (spec.shape, spec.dtype)
    program = jax.jit(lambda batch: batch.image.sum()).lower(batches.spec).compile()
    assert all(np.isfinite(program(batch)) for batch in seen)


def test_the_last_batch_is_padded_and_masked_or_dropped():
    padded, dropped = list(raw()), list(raw(shuffle=True))
    assert sorted(numbers(padded)) == list(range(tiny.TRAIN))
    assert padded[-1].mask.tolist() == [True, True] + [False] * 6
    assert not padded[-1].image[2:].any() and not padded[-1].label[2:].any()
    assert len(set(numbers(dropped))) == 48 and all(batch.mask.all() for batch in dropped)


def test_the_source_is_told_and_handed_on_to_the_course_runner(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    batches = raw("cats_vs_dogs", "train[:50%]", quiet=False)
    assert (batches.classes, batches.examples, len(batches)) == (("cat", "dog"), 12, 2)
    assert capsys.readouterr().out == batches.source + "\n"
    assert batches.source in (tmp_path / "results").read_text()


# order


def test_an_epoch_holds_every_example_once_in_an_order_of_its_own():
    import tensorflow as tf

    options = {"shuffle": True, "batch_size": 10}
    batches = raw(**options)
    assert all((batch.label == np.round(batch.image[:, 0, 0, 0]) % 10)[batch.mask].all() for batch in batches.epoch(0))
    epochs = [numbers(batches.epoch(k)) for k in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(tiny.TRAIN)) != epoch
    assert epochs[0] != epochs[1] != epochs[2]
    assert [numbers(batches) for _ in range(3)] == epochs  # iterating gives them in turn
    assert numbers(raw(**options)) == epochs[0] != numbers(raw(**options, seed=1))
    tf.random.set_seed(5)  # changes nothing
    try:
        assert numbers(batches.epoch(0)) == epochs[0]
    finally:
        tf.random.set_seed(None)


def test_slices_share_nothing_and_miss_nothing():
    parts = [numbers(raw(split=split)) for split in ("train[:80%]", "train[80%:]", "test")]
    assert [len(part) for part in parts] == [40, 10, 13]
    assert sorted(itertools.chain(*parts)) == list(range(tiny.TRAIN + tiny.TEST))
    assert numbers(raw(split="train[80%:]+test")) == parts[1] + parts[2]


def test_an_epoch_that_is_under_way_or_broken_off_leaves_the_next_one_whole():
    batches = raw(shuffle=True, batch_size=10)
    first = iter(batches)
    next(first)
    assert numbers(batches) == numbers(batches.epoch(1))


def digest(epoch: int = 0, **options) -> str:
    """Of every byte of an epoch, with every augmentation."""
    varied = (augment.random_resized_crop(16), augment.flip(), augment.colour(), augment.cutout(4))
    batches = raw("cats_vs_dogs", batch_size=5, size=24, augment=varied, **options)
    return hashlib.sha256(b"".join(leaf.tobytes() for batch in batches.epoch(epoch) for leaf in batch)).hexdigest()


FRESH = """
import sys
from utils import data
assert not {"jax", "tensorflow", "tensorflow_datasets", "sklearn"} & set(sys.modules), "imported too early"
sys.path.insert(0, "tests/data")
import test_data
print(test_data.digest(shuffle=True))
assert "keras" not in sys.modules, "no pipeline needs it"
"""


def test_another_process_gets_the_same_bytes_imports_no_framework_before_and_says_nothing(folder):
    # `-c` and the variables leave nothing of this process to chance
    environment = {**os.environ, "COURSE_DATA": "tfds", "TFDS_DATA_DIR": str(folder), "PYTHONHASHSEED": "77"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    root = Path(__file__).parents[2]
    fresh = subprocess.run([sys.executable, "-c", FRESH], env=environment, cwd=root, capture_output=True, text=True)
    assert (fresh.returncode, fresh.stderr) == (0, "")
    assert fresh.stdout.splitlines() == [digest(shuffle=True)]
    assert len({digest(), digest(seed=1), digest(epoch=1)}) == 3


def test_tensorflow_is_kept_off_every_gpu_and_told_where_it_holds_one(monkeypatch):
    from utils.base import quiet_tensorflow

    def too_late(*call):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    tf, hidden = quiet_tensorflow.tensorflow(), []
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *call: hidden.append(call))
    quiet_tensorflow.tensorflow.__wrapped__()
    assert hidden == [([], "GPU")]
    monkeypatch.setattr(tf.config, "set_visible_devices", too_late)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["GPU:0"])
    with pytest.raises(CourseError, match="Restart the kernel"):
        quiet_tensorflow.tensorflow.__wrapped__()


# pixels


def test_normalising_is_what_it_says_and_denormalise_undoes_it():
    plain = next(raw().epoch(0)).image
    assert plain.min() == 0 and plain.max() == 255
    for normalise, want in (
        ("unit", plain / 255),
        ("standard", (plain / 255 - 0.1307) / 0.3081),
        ((0.5, 0.25), (plain / 255 - 0.5) / 0.25),
    ):
        batches = raw(normalise=normalise)
        image = next(batches.epoch(0)).image
        np.testing.assert_allclose(image, want, atol=1e-5)
        np.testing.assert_allclose(batches.denormalise(image), plain / 255, atol=1e-6)
    np.testing.assert_allclose(raw().denormalise(plain), plain / 255, atol=1e-6)


def test_arrays_are_the_batches_in_one():
    whole = data.arrays("mnist", "train", quiet=True)
    batches = list(data.load("mnist", "train", batch_size=25, **NUMPY))
    for leaf, parts in zip(whole, zip(*batches, strict=True), strict=True):
        np.testing.assert_array_equal(leaf, np.concatenate(parts))
    assert whole.mask.all() and [leaf.dtype for leaf in whole] == [np.float32, np.int32, np.bool_]


def test_of_pictures_of_any_size_the_middle_square_is_brought_to_one(folder):
    images = next(raw("cats_vs_dogs", size=20, batch_size=24).epoch(0)).image
    builder = datasets().builder_from_directory(folder / "cats_vs_dogs/4.0.1")
    wholes = [example["image"] for example in builder.as_dataset(split="train").as_numpy_iterator()]
    assert len({whole.shape for whole in wholes}) == 3
    for image, whole in zip(images, wholes, strict=True):
        short = min(whole.shape[:2])
        top, left = ((length - short) // 2 for length in whole.shape[:2])
        square = Image.fromarray(whole[top : top + short, left : left + short])
        theirs = np.asarray(square.resize((20, 20), Image.Resampling.BILINEAR), float)  # with antialiasing, too
        assert np.abs(image - theirs).max() <= 2


def test_what_fails_in_a_function_of_ones_own_is_not_blamed_on_the_data():
    import tensorflow as tf

    def fails(image, seed):
        with tf.control_dependencies([tf.debugging.assert_less(seed[1], 3)]):
            return tf.identity(image)

    with pytest.raises(tf.errors.InvalidArgumentError):
        list(raw(augment=(fails,)))


# augmentation


def varied(*functions, **options) -> tuple[np.ndarray, np.ndarray]:
    """The 50 training pictures in 0..1, as they are and after `functions`."""
    plain = next(raw(batch_size=50, normalise="unit").epoch(0)).image
    return plain, next(raw(batch_size=50, normalise="unit", augment=functions, **options).epoch(0)).image


def test_flip_mirrors_some_pictures_and_leaves_the_others():
    plain, image = varied(augment.flip())
    mirrored = (image == plain[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (image == plain).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all() and 10 < mirrored.sum() < 40


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_pad_and_crop_shifts(mode):
    plain, image = varied(augment.pad_and_crop(2, mode))
    padded = np.pad(plain, [(0, 0), (2, 2), (2, 2), (0, 0)], mode=mode)
    shifts = list(itertools.product(range(5), repeat=2))
    found = [
        [shift for shift in shifts if np.array_equal(window[shift[0] :, shift[1] :][:28, :28], one)]
        for window, one in zip(padded, image, strict=True)
    ]
    assert all(len(each) == 1 for each in found)
    assert len({each[0] for each in found}) > 12  # of 25


def test_random_resized_crop_of_the_whole_is_the_whole_and_of_a_part_varies():
    plain, image = varied(augment.random_resized_crop(28, scale=(1, 1), ratio=(1, 1)))
    np.testing.assert_allclose(image, plain, atol=1e-5)
    _, image = varied(augment.random_resized_crop(14, scale=(0.3, 0.5)))
    assert image.shape == (50, 14, 14, 1) and 0 <= image.min() < image.max() <= 1


def test_colour_stays_within_bounds_and_leaves_grey_grey():
    plain, image = varied(augment.colour(0.3, 0.3, 0.3, 0.1))
    assert image.min() >= 0 and image.max() <= 1
    assert len({round(float(change), 4) for change in (image - plain).mean(axis=(1, 2, 3))}) > 40
    batches = raw("cats_vs_dogs", size=16, batch_size=24, normalise="unit", augment=(augment.colour(0, 0, 0.9, 0.5),))
    assert np.ptp(next(batches.epoch(0)).image, axis=-1).max() > 0.1


def test_cutout_covers_a_square_and_nothing_else():
    plain, image = varied(augment.cutout(6))
    for one, other in zip(plain, image, strict=True):
        rows, columns, _ = np.nonzero(one != other)
        assert 0 < len(rows) <= 36 and np.ptp(rows) < 6 and np.ptp(columns) < 6
    assert set(np.unique(image[image != plain])) == {0.5}


def test_a_function_of_ones_own_augments():
    batches = raw(augment=(lambda image, seed: 1 - image[::2, ::2],))
    assert batches.spec.image.shape == (8, 14, 14, 1)
    np.testing.assert_allclose(next(batches.epoch(0)).image, 255 - next(raw().epoch(0)).image[:, ::2, ::2], atol=1e-4)


# bad input


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"split": "tset"}, r"no split 'tset'. It has train \(50 examples\), test \(13 examples\)"),
        ({"split": "train[:x]"}, "a slice is written"),
        ({"split": "train[:51]"}, "within those bounds"),
        ({"split": "train[30:20]"}, "empty"),
        ({"split": None}, "no split None"),
        ({"batch_size": 0}, "batch_size=0 is not a whole number of 1 or more"),
        ({"batch_size": 8.5}, "batch_size=8.5"),
        ({"batch_size": 51}, "batch_size=51 is larger than mnist train, which has 50 examples"),
        ({"seed": -1}, "seed=-1"),
        ({"size": 0}, "size=0"),
        ({"normalise": "imagenet"}, "normalise='imagenet' is unknown"),
        ({"normalise": ((0.5, 0.5), 1.0)}, "one or 1 of each"),
        ({"normalise": (0.5, 0.0)}, "the std greater than 0"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
        ({"augment": augment.flip()}, "is no tuple"),
        ({"augment": None}, "is no tuple"),
        ({"augment": ("flip",)}, "not 'flip'"),
        ({"augment": (augment.flip,)}, r"call augment\.flip\("),
        ({"augment": (augment.pad_and_crop(28, "reflect"),)}, "pictures of 28 pixels reflect less than 28"),
        ({"size": 200_000}, "Not enough memory for mnist train at 200000 pixels"),
        ({"augment": (lambda image, seed: image[0],)}, "one fixed shape"),
    ],
)
def test_bad_input_is_named_with_its_cure(options, says):
    with pytest.raises(CourseError, match=says) as caught:
        raw(**options)
    assert len(str(caught.value).splitlines()) <= 2
