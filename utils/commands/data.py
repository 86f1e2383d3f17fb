"""`python -m utils data list | download NAME`: list and download the data sets."""

from __future__ import annotations

from utils.base.command import parser_of
from utils.data import sets, source


def main(arguments: list[str]) -> int:
    """Run one of the data commands; returns the exit status."""
    parser = parser_of("data", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="list or download")
    commands.add_parser("list", help="which sets are here, real and sample, and where")
    fetch = commands.add_parser("download", help="fetch a real set, into TFDS_DATA_DIR or ~/tensorflow_datasets")
    fetch.add_argument("name", nargs="?", help=f"{'; '.join(sets.SETS)}; or another of TensorFlow Datasets")
    chosen = parser.parse_args(arguments)
    if chosen.command == "list":
        print(*source.inventory(), sep="\n")
        return 0
    if not chosen.name:
        fetch.error(f"say which: {', '.join(sets.SETS)}, or another of TensorFlow Datasets")
    entry, home = sets.find(chosen.name), source.data_dir()
    path = source.prepared(entry, home) or source.fetch(entry, home)
    print(f"{path.parent.relative_to(home).as_posix()} is in {path}.")  # which says a configuration, also a default one
    return 0
