"""What JupyterLab does with a notebook and the text beside it: a pair for authors, two files for students."""

import asyncio
import os
import shutil

import nbformat
import pytest
from jupyterlab.labapp import LabApp
from jupytext import build_async_jupytext_contents_manager_class

from utils import checks
from utils.author import pairs
from utils.base.paths import ROOT
from utils.commands.instructors import release

UNIT = "01_jnp_and_jit"
LONG_AGO, LATER = (1e9, 1e9), (4e9, 4e9)


class Lab:
    """How JupyterLab, with jupytext's extension, opens and saves what lies in a folder."""

    def __init__(self, root):
        base = LabApp.serverapp_class.contents_manager_class.default_value
        self.manager = build_async_jupytext_contents_manager_class(base)(root_dir=str(root))

    def open(self, path):
        return asyncio.run(self.manager.get(path, type="notebook"))

    def save(self, path):
        """Open and save, as a reader does who changes nothing."""
        asyncio.run(self.manager.save(self.open(path), path))

    def copy(self, path):
        return asyncio.run(self.manager.copy(path))["path"]

    def holds(self, path, code):
        return code in [cell["source"] for cell in self.open(path)["content"]["cells"]]


def write(notebook, code):
    """Write into a notebook outside the lab: its second code cell."""
    node = nbformat.read(notebook, as_version=4)
    [cell for cell in node.cells if cell.cell_type == "code"][1].source = code
    nbformat.write(node, notebook)


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A copy of the course and a release of it, by name."""
    root = tmp_path_factory.mktemp("copies")
    for folder in ("notebooks", "solutions", "exercises"):
        shutil.copytree(ROOT / folder, root / "course" / folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "units", dict)  # the values that checks know are not looked at here
        release.write(release.files_of_release(), root / "release", root / "release.zip")
    return root


@pytest.mark.parametrize("place", ["course/exercises", "release/exercises", "release/notebooks"])
def test_no_opening_saving_or_copying_loses_what_a_student_wrote(copies, place):
    whole, _, folder = place.partition("/")
    lab, path = Lab(copies / whole), f"{folder}/{UNIT}.ipynb"
    notebook = copies / whole / path
    text = notebook.with_suffix(".py")
    as_it_came = text.read_bytes()
    for number, times in enumerate((LONG_AGO, LATER)):  # the text may be the older or the younger of the two
        write(notebook, f"mine = {number}")
        os.utime(text, times)
        assert lab.holds(path, f"mine = {number}")
        lab.save(path)
        assert lab.holds(path, f"mine = {number}")
        assert lab.holds(lab.copy(path), f"mine = {number}")
        assert text.read_bytes() == as_it_came
        assert f"mine = {number}" in notebook.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["notebooks", "solutions"])
def test_an_authors_text_and_notebook_follow_each_other(copies, folder):
    lab, path = Lab(copies / "course"), f"{folder}/{UNIT}.ipynb"
    notebook = copies / "course" / path
    text = notebook.with_suffix(".py")
    os.utime(text, LONG_AGO)  # as a clone may leave them
    lab.save(path)
    assert text.read_bytes() == (ROOT / folder / text.name).read_bytes()
    assert pairs.in_step(notebook)
    text.write_text(text.read_text(encoding="utf-8") + "\n# %%\nmine = 1\n", encoding="utf-8")
    assert lab.holds(path, "mine = 1")
    lab.save(path)
    assert pairs.in_step(notebook)
    write(notebook, "mine = 2")
    os.utime(text, LONG_AGO)
    with pytest.raises(Exception, match="is more recent than"):  # which of them is meant only the author knows
        lab.open(path)
