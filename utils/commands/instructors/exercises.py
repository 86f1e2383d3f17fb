"""`python -m utils exercises [--check]`: write the exercises, every pair's notebook, and what answers are judged by."""

from __future__ import annotations

from collections.abc import Iterator

from utils.author import pairs, recorded
from utils.base.command import parser_of
from utils.base.paths import BUILD
from utils.progress import track


def main(argv: list[str]) -> int:
    """`python -m utils exercises [--check]`."""
    parser = parser_of("exercises", __doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is out of step")
    arguments = parser.parse_args(argv)
    changed = False
    for line in _changed(check=arguments.check):
        changed = True
        print(("out of step: " if arguments.check else "written: ") + line, flush=True)
    if not changed:
        print("Exercises and pairs are in step with their sources.")
    elif arguments.check:
        print("Run make exercises.")
    elif (BUILD / "replaced").exists():
        print("What was there before is kept in build/replaced.")
    return 1 if changed and arguments.check else 0


def _changed(*, check: bool) -> Iterator[str]:
    """Write what is out of step, but with `check`; a line for each."""
    yield from pairs.generate(check=check)
    for unit, name in track(list(recorded.stale()), "what answers are judged by", unit="exercise", leave=False):
        if not check:
            recorded.record(unit, name)
        yield f"recorded results of {name} ({unit.name})"
