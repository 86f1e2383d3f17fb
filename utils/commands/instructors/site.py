"""`python -m utils site`: the website from the committed outputs, in build/site; once installed, without a network."""

from __future__ import annotations

import subprocess
import sys

from utils.author import release, site
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import BUILD, ROOT, shown
from utils.commands import bootstrap
from utils.commands.instructors.lock import SITE_LOCK

OUT = BUILD / "site"


def main(arguments: list[str]) -> int:
    """Install what makes the pages, where it is missing; make the pages; check their links."""
    parser_of("site", __doc__).parse_args(arguments)
    install()
    print("Making the exercises, and searching every file for answers ...", flush=True)
    content = release.files_of_release()
    release.see_that_nothing_leaks(content)
    print("Making the pages (about half a minute) ...", flush=True)
    site.write(content, OUT)
    if lost := site.broken(OUT):
        raise CourseError("\n".join(["These links lead nowhere:", *lost]))
    print(f"{len(list(OUT.rglob('*.html')))} pages, no broken link among them: {shown(OUT / 'index.html')}")
    return 0


def install() -> None:
    """Install what `site/requirements.txt` locks, besides what the course needs; nothing where it is there."""
    uv = bootstrap.find_uv() or bootstrap.bring_uv()
    options = ["--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
    lock = shown(SITE_LOCK)
    if subprocess.run([uv, "pip", "install", *options, "--requirements", lock], cwd=ROOT).returncode != 0:
        raise CourseError(f"uv could not install what {lock} lists (see above). The first time this needs a network.")
