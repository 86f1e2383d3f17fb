"""Small data sets that come with the course: made in seconds, with no network, the same everywhere.

    from utils import samples

    samples.ensure("mnist")     # the data directory that holds it: tfds.builder("mnist", data_dir=...)

`mnist` is handwriting that comes with scikit-learn; `cifar10`, `cats_vs_dogs` and `imagenette/160px-v2` are
pictures drawn by the course: drawings, not photographs, and no accuracy on them is the real set's. From
outline to picture: `shapes` (data in ressources/shapes) → `pose` → `scene` → `draw`; `recipes` says how many,
`studio` draws in a process of its own, `records` writes them as TFDS would, `store` sees to it that they're whole.

Importing this imports neither TensorFlow nor scikit-learn.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.samples.studio import Studio

NAMES = ("mnist", "cifar10", "cats_vs_dogs", "imagenette/160px-v2")


def ensure(name: str, *, quiet: bool = False, studio: Studio | None = None) -> Path:
    """The TFDS data directory in which the sample called `name` stands, after making it if it isn't there.

    Its pictures come from `studio`, else from a process of its own where that saves time. Prints one line when it
    makes it, unless `quiet`. Raises CourseError for a name that is not in NAMES, and
    when the sample cannot be written.
    """
    from utils.base.errors import CourseError

    if name not in NAMES:
        raise CourseError(f"There is no sample called {name!r}. There are: {', '.join(NAMES)}.")
    from utils.samples import recipes, store
    from utils.samples import studio as studios

    recipe = recipes.RECIPES[name]
    verb = "Drawing" if recipe.drawing else "Preparing"

    def say(line: str) -> None:
        if not quiet:
            print(line, flush=True)

    def make(folder: Path) -> Path:
        alone = studio is None and recipe.drawing is not None and studios.worth_it()
        with studios.Studio((name,)) if alone else nullcontext(studio) as source:
            return recipes.make(name, folder, studio=source)

    return store.ensure(recipe.place, make, f"{verb} the {name} sample (once, about {recipe.seconds} s) …", say)
