"""`python -m utils data list | download NAME | bench [NAME …]`: list, download and time the data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.base import tfds_folder
from utils.base.command import one_of, parser_of
from utils.data import sets, source

if TYPE_CHECKING:
    from utils.data.bench import Speed


def main(arguments: list[str]) -> int:
    """Run one of the data commands; returns the exit status."""
    parser = parser_of("data", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="list, download or bench")
    commands.add_parser("list", help="which sets are here, real and sample, and how large")
    fetch = commands.add_parser("download", help="fetch a real set, into TFDS_DATA_DIR or ~/tensorflow_datasets")
    fetch.add_argument("name", nargs="?", help=f"{'; '.join(sets.SETS)}; or another of TensorFlow Datasets")
    timing = commands.add_parser("bench", help="how many pictures a second each pipeline gives")
    known = one_of("data set", sets.SETS)
    timing.add_argument("names", nargs="*", metavar="name", type=known, help="all of them, if none is given")
    chosen = parser.parse_args(arguments)
    if chosen.command == "list":
        print(*source.inventory(), sep="\n")
    elif chosen.command == "bench":
        bench(*chosen.names)
    elif chosen.name:
        download(chosen.name)
    else:
        fetch.error(f"say which: {', '.join(sets.SETS)}, or another of TensorFlow Datasets")
    return 0


def download(name: str) -> None:
    """Fetch a real set unless it is here and whole."""
    from utils.data.download import fetch

    entry = sets.find(name)
    path = source.prepared(entry, source.data_dir())
    if path is None:
        path = fetch(entry, source.data_dir())
    size = tfds_folder.verify(tfds_folder.Found(entry.name, path, real=True))
    name = path.parent.relative_to(source.data_dir()).as_posix()  # which says a configuration, also one by default
    print(f"{name} is in {path}: {size / 1e6:,.1f} MB, whole.")


def bench(*names: str) -> list[Speed]:
    """Print the speed of each pipeline, by default of all."""
    from utils.data.bench import RECIPES
    from utils.data.bench import bench as measure

    speeds = []
    for speed in measure(names or tuple(RECIPES)):
        print(speed.source)
        print(
            f"  {speed.images_per_second:,.0f} images/s at {speed.side} px, "
            f"{1e3 * speed.batch_size / speed.images_per_second:.1f} ms a batch of {speed.batch_size}, "
            f"decoded in {speed.decode_seconds:.1f} s",
            flush=True,
        )
        speeds.append(speed)
    return speeds
