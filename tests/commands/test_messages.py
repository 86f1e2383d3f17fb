"""What somebody who mistyped or forgot something reads: one line or two that name it and the cure."""

import os
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from utils import checks, data, plots, pretrained, results, weights
from utils.__main__ import main
from utils.base.errors import CourseError
from utils.base.paths import ROOT
from utils.commands import bootstrap
from utils.data import augment

NAMES = {"augment": augment, "checks": checks, "data": data, "np": np, "plots": plots}
NAMES |= {"pretrained": pretrained, "results": results, "weights": weights}
OF_UTILS, FIRST, MAKE = "python -m utils ", "python3 utils/commands/bootstrap.py ", "make "

COMMANDS = [  # what is typed, and what is told of it
    ("frobnicate", "There is no command 'frobnicate'. There are: canaries, data, doctor, lab"),
    ("test unit", "There is no step 'unit'. Did you mean 'units'?"),
    ("data", "required: list or download."),
    ("data lst", "invalid choice: 'lst' (choose from"),
    ("data download", "Say which: mnist, cifar10, cats_vs_dogs"),
    ("data download minst", "no data set 'minst'. Did you mean 'mnist'?"),
    ("data download imagnette", "Did you mean 'imagenette/160px-v2'?"),
    ("TFDS_DATA_DIR=/nowhere data download mnist", "TFDS_DATA_DIR='/nowhere' is not a folder: correct it, unset it"),
    ("race cnm", "There is no race 'cnm'. Did you mean 'cnn'?"),
    ("race cnn --rounds 0", "--rounds must be 1 or more, not 0."),
    ("doctor me", "Unrecognized arguments: me."),
    ("course 01_jmp_and_jit", "There is no notebook '01_jmp_and_jit'. Did you mean '01_jnp_and_jit'?"),
    ("COURSE_DATA=bogus course", "COURSE_DATA='bogus' is unknown: set it to auto, sample or tfds"),
    ("COURSE_DATA=tfds course --save", "committed from the samples only: COURSE_DATA=sample"),
    ("release", "required: OUT."),
    ("release ressources/out", "would be part of the next release. Choose an OUT elsewhere."),
    ("grade", "the folder of the hand-ins and the one for the grades: SUBMISSIONS=DIR OUT=DIR."),
    ("grade nowhere out", "nowhere is no folder. It should hold a folder for each student."),
    ("grade empty out", "Nobody is in empty. It should hold a folder for each student."),
    ("grade hand-ins hand-ins/out", "would lie among the hand-ins. Choose an OUT outside of SUBMISSIONS."),
    ("grade hand-ins file", "cannot be written (Not a directory); it is as it was."),
    ("grade hand-ins out --seed x", "Argument --seed: invalid int value: 'x'."),
    ("gather", "required: download, submissions."),
    ("gather nowhere out", "nowhere is neither a folder nor a whole zip file. Name the zip"),
    ("verdicts 99", "There is no unit '99'. There are: 01, 02"),
]
BEFORE_SET_UP = [
    (FIRST + "tset", "There is no command 'tset'. Did you mean 'test'?"),
    (MAKE + "tset", "There is no command 'tset'. Did you mean 'test'?"),
    (MAKE + "release", "Say where it goes: make release OUT=DIR."),
]
CALLS = [
    ("check.hint()", "Give a name in quotes, such as 'standardise'. There are: standardise, histogram"),
    ("check.hint('nothing')", "01_jnp_and_jit has no exercise 'nothing'. There are: standardise"),
    ("check.reveal('Predict')", "no exercise 'Predict'. Did you mean 'predict'?"),
    ("check.predic(None)", "no exercise 'predic'. Did you mean 'predict'?"),
    ("check.predict()", "Pass one answer to the check: predict = check.predict(predict)."),
    ("checks.unit('07_nothing')", "There is no unit '07_nothing'. There are: 01_jnp_and_jit"),
    ("checks.unit('01')", "There is no unit '01'. Did you mean '01_jnp_and_jit'?"),
    ("data.load('fashion_mnist', 'train', batch_size=8)", "`python -m utils data download fashion_mnist` fetches it"),
    ("data.load('imagenette', 'train', batch_size=8)", "Did you mean 'imagenette/160px-v2'?"),
    ("data.load('cifar', 'train', batch_size=8)", "no data set 'cifar'. Did you mean 'cifar10'?"),
    ("data.load(None, 'train', batch_size=8)", "no data set None. There are: mnist"),
    ("data.load('./nowhere', 'train', batch_size=8)", "no folder './nowhere'"),
    ("data.load('~nobody-of-this-name/pets', 'train', batch_size=8)", "names no home folder of this machine"),
    (
        "data.load('./empty', 'train', batch_size=8)",
        "/empty has no .jpg, .jpeg, .png, .gif, .bmp, .webp picture. Put the",
    ),
    ("data.load('./tiff', 'train', batch_size=8)", "passed over: 2 .tif, 1 .tiff (save them as .png)"),
    ("data.load('./one class', 'train', batch_size=8)", "pictures of only one class, 'cat'. Put the"),
    ("data.load('./stray', 'train', batch_size=8)", "stray.jpg, beside them: move those into a class's folder"),
    ("data.load('./numbers', 'train', batch_size=8)", "tell no classes. Put the pictures in a folder"),
    ("data.load('./each its own', 'train', batch_size=8)", "tell no classes. Put the pictures in a folder"),
    ("augment.cutout(2.5)", "size=2.5 is not a whole number of 1 or more."),
    ("augment.pad_and_crop(2, 'mirror')", "'mirror'"),
    (
        "augment.random_resized_crop(8, scale=(0, 1))",
        "wants scale within 0..1 and ratio above 0, each from low to high, not (0, 1)",
    ),
    ("augment.colour(contrast=1.5)", "contrast and saturation from 0 to below 1"),
    ("plots.images(np.zeros((2, 4, 4, 5)))", "plots.images wants"),
    ("plots.images(np.zeros((0, 4, 4)))", "plots.images wants at least one picture"),
    ("plots.images(np.zeros((2, 4, 4)), titles=['one'])", "Give one title for each"),
    ("plots.curves({})", "plots.curves wants a dictionary of non-empty lists"),
    ("plots.bars(['a'], [1, 2])", "Give one label for each value"),
    ("plots.bars(['a'], [1], better='smaller')", "plots.bars"),
    ("plots.confusion(np.zeros((2, 3)), ['a', 'b'])", "Give a square matrix"),
    ("results.record(test_accuracy='0.9')", "test_accuracy must be one number"),
    ("results.record(test_accuracy=np.zeros(3))", "test_accuracy must be one number"),
    ("weights.load('nowhere.safetensors', {})", "There is no file nowhere.safetensors. Train the model first"),
    ("pretrained.card('vgg8_overfited')", "no pretrained model 'vgg8_overfited'. Did you mean 'vgg8_overf"),
]
FILES = ("file", "hand-ins/ann/note.txt", "tiff/cat/1.tif", "tiff/cat/2.tif", "tiff/dog/3.tiff", "one class/cat.1.jpg")
FILES += ("one class/cat.2.jpg", "stray/cat/1.jpg", "stray/dog/1.jpg", "stray/stray.jpg", "numbers/1.jpg")
FILES += ("numbers/2.jpg", "each its own/rome.jpg", "each its own/paris.jpg", "each its own/oslo.jpg")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working folder with files of which none can be used."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "empty").mkdir()
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def check():
    return checks.unit("01_jnp_and_jit")


def typed(command):
    """Run a command line with its variables; whatever ends it ends it with status 2, or is a CourseError."""
    words = shlex.split(command)
    while "=" in words[0]:
        os.environ.update([words.pop(0).split("=")])  # the fixture puts it back
    try:
        assert (bootstrap.main(words[2:]) if command.startswith(FIRST) else main(words)) == 2
    except SystemExit as ended:
        assert ended.code == 2


@pytest.mark.parametrize(("command", "told"), COMMANDS + BEFORE_SET_UP)
def test_a_command_that_cannot_be_followed(place, monkeypatch, capsys, command, told):
    if command.startswith(MAKE) and not shutil.which("make"):
        pytest.skip("no make")
    monkeypatch.setattr(bootstrap, "set_up", lambda gpu: pytest.fail("it was set up"))
    monkeypatch.setenv("COURSE_DATA", "sample")
    monkeypatch.setenv("TFDS_DATA_DIR", str(place / "empty"))
    monkeypatch.delenv("OUT", raising=False)
    monkeypatch.chdir(ROOT if "ressources" in command else place)
    if command.startswith(MAKE):
        ran = subprocess.run([*command.split(), f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True)
        error = ran.stderr.partition("\nmake: ***")[0]  # make's own last line
        assert ran.returncode == 2
    else:
        typed(command)
        error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) <= 2


@pytest.mark.parametrize(("call", "told"), CALLS)
def test_a_call_that_cannot_be_followed(place, monkeypatch, check, call, told):
    monkeypatch.chdir(place)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("TFDS_DATA_DIR", str(place / "empty"))
    monkeypatch.setenv("COURSE_DATA", "auto")
    with pytest.raises(CourseError) as caught:
        eval(call, {**NAMES, "check": check})
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_no_framework_is_imported_to_know_the_names_of_others_sets():
    code = "import sys; from utils.data import sets; sets.find('fashion_mnist'); print('tensorflow' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
