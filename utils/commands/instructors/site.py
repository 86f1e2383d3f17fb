"""`python -m utils site`: the website from the committed outputs, in build/site; once installed, without a network.

It is what students get, as `make release` has it, as pages: the README, the lessons with their outputs, the exercises
without answers, the findings and the changelog. Every notebook lies beside its page, and the whole course, as a zip,
beside the first page. Sphinx makes the pages, with the settings in `site/conf.py`, and stops at a link within the site
that leads nowhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from utils.base import files
from utils.base.command import parser_of
from utils.base.errors import CourseError
from utils.base.paths import BUILD, ROOT, shown
from utils.commands import bootstrap
from utils.commands.instructors import release
from utils.commands.instructors.lock import SITE_LOCK

SITE, OUT = ROOT / "site", BUILD / "site"


def main(arguments: list[str]) -> int:
    """Install what makes the pages, where it is missing, and make the pages."""
    parser_of("site", __doc__).parse_args(arguments)
    install()
    print("Making the exercises, and searching every file for answers (about a minute with the pages) ...", flush=True)
    content = release.files_of_release()
    release.see_that_nothing_leaks(content)
    print("Making the pages ...", flush=True)
    write(content, OUT)
    print(f"{len(list(OUT.rglob('*.html')))} pages: {shown(OUT / 'index.html')}")
    return 0


def install() -> None:
    """Install what `site/requirements.txt` locks, besides what the course needs; nothing where it is there."""
    uv = bootstrap.find_uv() or bootstrap.bring_uv()
    options = ["--quiet", "--no-deps", "--require-hashes", "--python", sys.executable]
    lock = shown(SITE_LOCK)
    if subprocess.run([uv, "pip", "install", *options, "--requirements", lock], cwd=ROOT).returncode != 0:
        raise CourseError(f"uv could not install what {lock} lists (see above). The first time this needs a network.")


def write(content: dict[str, bytes], out: Path) -> None:
    """Make the website of a release's files in the folder `out`; what was there stays until the new one is whole.

    Raises:
      CourseError: Sphinx stops at a page, or warns of one, as of a link that leads nowhere.
    """
    texts, pages = BUILD / "site-texts", out.with_name(f".{out.name}.part")
    for folder in (texts, pages):
        shutil.rmtree(folder, ignore_errors=True)
    for name, raw in content.items():
        if name == "README.md":
            name, raw = "index.md", raw + (SITE / "contents.md").read_bytes()  # the pages listed beside each
        files.write(texts / name, raw)
    options = ["--quiet", "--fail-on-warning", "--jobs=auto", f"--conf-dir={SITE}"]
    if subprocess.run([sys.executable, "-m", "sphinx", *options, texts, pages], cwd=ROOT).returncode != 0:
        raise CourseError(f"{shown(out)} is as it was: Sphinx warns of what stands above. Mend that.")
    for name, raw in content.items():
        if name.endswith(".ipynb"):
            files.write(pages / name, raw)
    files.write(pages / f"{release.NAME}.zip", release.zipped(content))
    shutil.rmtree(out, ignore_errors=True)
    pages.rename(out)
