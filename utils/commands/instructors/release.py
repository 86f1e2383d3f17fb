"""`python -m utils release OUT`: what students get, as a folder and as a zip."""

from __future__ import annotations

from pathlib import Path

from utils.author.release import NAME, files_of_release, see_that_nothing_leaks, see_that_there_is_room, write
from utils.base.command import parser_of
from utils.base.paths import in_full, shown


def main(arguments: list[str]) -> int:
    """Write a release."""
    parser = parser_of("release", __doc__)
    parser.add_argument("out", type=Path, nargs="?", help=f"where the folder {NAME} and {NAME}.zip go")
    parser.add_argument("--replace", action="store_true", help="replace an earlier release there")
    asked = parser.parse_args(arguments)
    if asked.out is None:
        parser.error("say where it goes: OUT=DIR")
    out = in_full(asked.out).resolve()
    folder, archive = out / NAME, out / f"{NAME}.zip"
    see_that_there_is_room(folder, archive, replace=asked.replace)
    print("Making the exercises, and searching every file for answers (about a minute) ...", flush=True)
    content = files_of_release()
    see_that_nothing_leaks(content)
    write(content, folder, archive)
    told = f"{len(content)} files, no answer in them but what a lesson shows"
    print(f"{told}: {shown(folder)} and {shown(archive)} ({archive.stat().st_size / 1e6:.1f} MB)")
    return 0
