"""`python -m utils samples [NAME …] [--sheets]`: make the samples, and pictures of them.

All that are to be drawn are drawn by one other process, while this one imports TensorFlow and writes them.
"""

from __future__ import annotations

import time
from contextlib import nullcontext

from utils import samples
from utils.base.command import parser_of
from utils.samples import recipes, store, studio, tfrecords


def main(arguments: list[str]) -> int:
    """Make the samples that are named, or all of them, unless they are there; returns the exit status."""
    parser = parser_of("samples", __doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(samples.NAMES))
    parser.add_argument("--sheets", action="store_true", help="also write ressources/samples_NAME.png")
    chosen = parser.parse_args(arguments)
    names = chosen.names or samples.NAMES

    to_draw = _to_draw(names)
    with studio.Studio(to_draw) if to_draw and studio.worth_it() else nullcontext() as source:
        for name in names:
            start = time.perf_counter()
            samples.ensure(name, studio=source)
            print(f"{name:<20} ready after {time.perf_counter() - start:.1f} s", flush=True)
            if chosen.sheets:
                from utils.samples import sheets

                print(f"{'':<20} {sheets.write(name).name}")
    return 0


def _to_draw(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Those of the names whose pictures are drawn, and that are not there yet."""
    known = {name: recipes.RECIPES[name] for name in names if name in recipes.RECIPES}
    return tuple(
        name
        for name, recipe in known.items()
        if recipe.drawing is not None and tfrecords.fault(store.data_dir() / recipe.place) is not None
    )
