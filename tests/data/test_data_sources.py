"""Where data come from: COURSE_DATA, folders of one's own, and everything that can be wrong with either."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import tiny
from PIL import Image

from utils import data, samples
from utils.__main__ import main as command
from utils.base import quiet_tensorflow
from utils.base.errors import CourseError
from utils.data import sets, source


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    return tiny.mnist(tmp_path_factory.mktemp("tfds"))


@pytest.fixture
def prepared(original: Path, tmp_path: Path, monkeypatch) -> Path:
    """The version folder of a whole "mnist" that a test may damage; COURSE_DATA is unset."""
    shutil.copytree(original, tmp_path / "tfds")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    return tmp_path / "tfds/mnist/3.0.1"


@pytest.fixture
def sample(original: Path, monkeypatch) -> None:
    """The tiny set stands for the sample; a download fails the test."""
    monkeypatch.setattr(samples, "ensure", lambda name: original / "mnist/3.0.1")

    def never(entry):
        raise AssertionError("a download that nobody asked for")

    monkeypatch.setattr(source, "fetch", never)


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch) -> Path:
    """A TFDS_DATA_DIR with nothing in it."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "empty"))
    return tmp_path / "empty"


def load(name="mnist", split="train", **options) -> data.Batches:
    return data.load(name, split, **{"batch_size": 2, "quiet": True, "device": "numpy", **options})


# COURSE_DATA


@pytest.mark.parametrize(
    ("mode", "real"), [("", True), ("auto", True), (" AUTO ", True), ("tfds", True), ("sample", False)]
)
def test_a_real_set_that_is_there_is_taken_unless_the_sample_is_asked_for(monkeypatch, prepared, sample, mode, real):
    monkeypatch.setenv("COURSE_DATA", mode)
    if not real:
        monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")  # which is not looked at
    batches = load()
    assert batches.is_sample != real  # what the lessons ask
    assert ("real set" if real else "the course's sample (handwritten digits") in batches.source


def test_auto_takes_the_sample_where_there_is_no_real_set_and_never_downloads(monkeypatch, nothing, sample):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert load().is_sample


def test_tfds_downloads_what_is_not_there(monkeypatch, nothing, original):
    monkeypatch.setenv("COURSE_DATA", "tfds")
    asked = []
    monkeypatch.setattr(source, "fetch", lambda entry, folder: asked.append(entry.name) or original / "mnist/3.0.1")
    assert "real set" in load().source and asked == ["mnist"]


def test_the_whole_real_set_is_called_so_and_a_part_a_part(monkeypatch, prepared):
    assert load().source == (
        "mnist train: a part of the real set (50 of 60,000 train, 13 of 10,000 test), 50 examples, 10 classes"
    )
    whole = sets.SETS["mnist"]._replace(full={"train": tiny.TRAIN, "test": tiny.TEST})
    monkeypatch.setitem(sets.SETS, "mnist", whole)
    assert load(split="test").source == "mnist test: the real set, 13 examples, 10 classes"


def test_a_relative_tfds_data_dir_counts_from_the_course_too(monkeypatch, prepared, tmp_path):
    from utils.base import paths

    (tmp_path / "course/notebooks").mkdir(parents=True)
    monkeypatch.setattr(paths, "ROOT", tmp_path / "course")
    monkeypatch.setenv("TFDS_DATA_DIR", "../tfds")
    for working in ("course", "course/notebooks"):
        monkeypatch.chdir(tmp_path / working)
        assert source.data_dir() == tmp_path / "tfds"


@pytest.mark.parametrize("mode", ["auto", "sample", "tfds"])
def test_another_set_of_tfds_loads_once_it_is_there(monkeypatch, tmp_path, mode):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny.mnist(tmp_path, "fashion_mnist")))
    monkeypatch.setenv("COURSE_DATA", mode)
    batches = load("fashion_mnist")
    assert batches.source == "fashion_mnist train: the real set, 50 examples, 10 classes"
    assert batches.shape == (28, 28, 1)


# damage


SHARD, INFORMATION, FEATURES = "mnist-train.tfrecord-00000-of-00001", "dataset_info.json", "features.json"
DAMAGE = {  # of the file, from its bytes to others (None: it is gone)
    "cut": (SHARD, lambda content: content[:-100]),
    "a flipped bit": (SHARD, lambda old: old[:5000] + bytes([old[5000] ^ 1]) + old[5001:]),
    "no shard": (SHARD, None),
    "no information": (INFORMATION, None),
    "half the information": (INFORMATION, lambda content: content[: len(content) // 2]),
    "no splits": (INFORMATION, lambda _: b'{"name": "mnist", "splits": []}'),
    "no features": (FEATURES, None),
    "garbled features": (FEATURES, lambda _: b"{"),
    "no label": (FEATURES, lambda content: content.replace(b'"label"', b'"lable"')),
}


@pytest.mark.parametrize(("name", "change"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_data_are_an_error_and_not_replaced_by_the_sample(prepared, sample, name, change):
    load()
    whole = (prepared / name).read_bytes()
    (prepared / name).unlink()
    if change:
        (prepared / name).write_bytes(change(whole))
    with pytest.raises(CourseError, match="half-written or corrupt") as caught:
        load()
    assert str(prepared) in str(caught.value) and "data download mnist" in str(caught.value)


def test_what_a_broken_off_download_leaves_is_not_believed(monkeypatch, nothing, sample):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    # the folder that TFDS's own download_and_prepare writes into
    with quiet_tensorflow.datasets().core.utils.incomplete_dir(nothing / "mnist" / "3.0.1") as folder:
        tiny.mnist(nothing, "other")
        shutil.copytree(nothing / "other" / "3.0.1", folder, dirs_exist_ok=True)
        assert source.prepared(sets.SETS["mnist"], nothing) is None
        assert "the course's sample" in load().source
    assert source.prepared(sets.SETS["mnist"], nothing) == nothing / "mnist" / "3.0.1"


# downloading


def test_without_a_network_a_download_says_so_at_once(monkeypatch, nothing):
    def unreachable(*args, **options):
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(requests, "head", unreachable)
    monkeypatch.setenv("COURSE_DATA", "tfds")
    for name, entry in sets.SETS.items():
        with pytest.raises(CourseError, match=f"{entry.host} cannot be reached.*COURSE_DATA=sample"):
            load(name)
    assert not list(nothing.iterdir())


def test_a_download_that_fails_says_why_and_what_to_do(monkeypatch, nothing):
    class Builder:
        info = SimpleNamespace(features={"image": None, "label": SimpleNamespace(num_classes=10)})

        def download_and_prepare(self):
            raise RuntimeError("checksum\nand more")

    monkeypatch.setattr(requests, "head", lambda *args, **options: None)
    monkeypatch.setattr(quiet_tensorflow.datasets(), "builder", lambda *args, **options: Builder())
    with pytest.raises(CourseError, match=r"RuntimeError: checksum\n.* room on the disk, delete .*downloads"):
        source.fetch(sets.SETS["mnist"], source.data_dir())
    Builder.info.features.pop("label")
    with pytest.raises(CourseError, match="is no set of pictures with a class each"):
        source.fetch(sets.SETS["mnist"], source.data_dir())


def test_a_folder_that_cannot_be_written_to_is_told_before_downloading(monkeypatch, nothing):
    monkeypatch.setattr(requests, "head", None)
    (nothing / "file").write_text("")
    for folder in (nothing / "file", nothing / "file" / "below"):
        with pytest.raises(CourseError, match=r"cannot be written to .*: set TFDS_DATA_DIR"):
            source.fetch(sets.SETS["mnist"], folder)


# what is here


def test_the_commands_list_and_keep_what_is_here(prepared, sample, capsys):
    assert command(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(sets.SETS)
    assert [line.split()[:2] for line in lines if str(prepared) in line] == [["mnist", "real"]]
    assert any(line.startswith("cifar10 ") and "data download cifar10" in line for line in lines)
    assert command(["data", "download", "mnist"]) == 0  # it is here: nothing is fetched
    assert capsys.readouterr().out == f"mnist is in {prepared}.\n"


# folders of one's own


def paint(file: Path, shade: int) -> None:
    """A picture of one grey, of a size of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30 + shade % 7, 40), (shade, shade, shade)).save(file)


@pytest.fixture(params=["names", "folders", "deep folders"])
def pets(request, tmp_path: Path) -> Path:
    """20 cats, darker than 100, and 20 dogs, lighter, in either layout; and files that are no pictures."""
    for number in range(20):
        for name, shade in (("cat", number), ("dog", 200 + number)):
            place = {
                "names": f"{name}.{number}.jpg",
                "folders": f"{name}/{number}.jpg",
                "deep folders": f"{name}/part{number % 2}/IMG_{number}.PNG",
            }[request.param]
            paint(tmp_path / "pets" / place, shade)
    (tmp_path / "pets/notes.txt").write_text("not a picture")
    (tmp_path / "pets/.hidden.jpg").write_text("nor this")
    return tmp_path / "pets"


def shades(batches: data.Batches) -> list[int]:
    return [round(float(x)) for batch in batches for x in batch.image[batch.mask].mean(axis=(1, 2, 3))]


def test_a_folder_loads_like_any_set(pets, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", "sample")  # says nothing about one's own pictures
    batches = data.load(pets, "train", batch_size=8, size=32, shuffle=True)
    assert capsys.readouterr().out == "pets train: pictures of your own, 40 examples, 2 classes\n"
    assert batches.classes == ("cat", "dog") and batches.spec.image.shape == (8, 32, 32, 3)
    for batch in batches:
        dark = np.asarray(batches.denormalise(batch.image)).mean(axis=(1, 2, 3)) < 0.4
        assert (dark == (np.asarray(batch.label) == 0)).all()


def test_slices_of_a_folder_mix_the_classes_and_never_overlap(pets, monkeypatch):
    options = {"size": 8, "normalise": None}
    train, held_out = (load(str(pets), split, **options) for split in ("train[:75%]", "train[75%:]"))
    assert (train.examples, held_out.examples) == (30, 10)
    assert len(set(shades(train)) | set(shades(held_out))) == 40
    assert {int(label) for batch in held_out for label in batch.label} == {0, 1}
    again = load(str(pets), "train[:75%]", seed=5, **options)
    assert shades(again) == shades(train)
    monkeypatch.chdir(pets.parent)
    assert shades(load("pets", "train[:75%]", **options)) == shades(train)


def test_folders_called_train_and_test_are_splits(tmp_path):
    for split, count in (("train", 6), ("test", 4)):
        for number in range(count):
            paint(tmp_path / split / f"{'cat' if number % 2 else 'dog'}_{number}.png", number)
    assert (load(tmp_path, "train").examples, load(tmp_path, "test[:50%]").examples) == (6, 2)
    with pytest.raises(CourseError, match=r"It has test \(4 examples\), train \(6 examples\)"):
        load(tmp_path, "validation")


def test_webp_is_read_and_what_cannot_be_read_is_counted(tmp_path):
    for name in ("cat.1.webp", "dog.1.jpg", "dog.2.webp"):
        paint(tmp_path / name, 9)
    (tmp_path / "cat.2.TIFF").touch()
    batches = load(tmp_path, batch_size=3, normalise=None)
    assert batches.source.endswith("3 examples, 2 classes; passed over: 1 .tiff (save them as .png)")
    assert shades(batches) == [9, 9, 9]


def test_the_number_in_a_name_is_not_part_of_the_class(tmp_path):
    for name in ("cat.1.jpg", "cat_2.jpg", "cat-3.jpg", "cat4.jpg", "cat (5).jpg", "big dog.1.jpg", "big dog.jpg"):
        paint(tmp_path / name, 9)
    assert load(tmp_path).classes == ("big dog", "cat")


@pytest.mark.parametrize("broken", [b"", b"no picture at all", None], ids=["empty", "text", "cut off"])
def test_an_unreadable_picture_is_named(tmp_path, broken):
    for number in range(3):
        paint(tmp_path / f"cat.{number}.jpg", number)
        paint(tmp_path / f"dog.{number}.jpg", number)
    whole = (tmp_path / "dog.1.jpg").read_bytes()
    (tmp_path / "dog.1.jpg").write_bytes(whole[: len(whole) // 2] if broken is None else broken)
    with pytest.raises(CourseError, match=r"Unreadable pictures in the folder .*: dog\.1\.jpg\."):
        load(tmp_path)
