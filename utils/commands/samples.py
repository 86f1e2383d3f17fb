"""`python -m utils samples [NAME …] [--sheets]`: make the samples, and pictures of them."""

from __future__ import annotations

import time

from utils import samples
from utils.base.command import parser_of


def main(arguments: list[str]) -> int:
    """Make the samples that are named, or all of them, unless they are there; returns the exit status."""
    parser = parser_of("samples", __doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(samples.NAMES))
    parser.add_argument("--sheets", action="store_true", help="also write ressources/samples_NAME.png")
    chosen = parser.parse_args(arguments)
    for name in chosen.names or samples.NAMES:
        start = time.perf_counter()
        samples.ensure(name)
        print(f"{name:<20} ready after {time.perf_counter() - start:.1f} s", flush=True)
        if chosen.sheets:
            from utils.samples import sheets  # late: only they need Pillow

            print(f"{'':<20} {sheets.write(name).name}")
    return 0
