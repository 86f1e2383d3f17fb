"""The website: what students get (`utils.author.release`), as pages that need no network.

Its pages are the README, the lessons with their outputs, the exercises without answers, the findings and the changelog.
Every notebook lies beside its page, and the whole course, as a zip, beside the first page. Sphinx makes the pages, with
the settings in `site/conf.py`. `broken` looks for links within the site that lead nowhere, and for what a page would
fetch from elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from utils.author import release
from utils.base import files
from utils.base.errors import CourseError
from utils.base.paths import BUILD, ROOT, shown

SITE = ROOT / "site"


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


class _Page(HTMLParser):
    """What a page's HTML names: where links lead, what is loaded with it, and its own places."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if "src" in given:
            self.fetched.append(given["src"])
        if "href" in given:
            (self.fetched if tag == "link" else self.links).append(given["href"])


def broken(folder: Path) -> list[str]:
    """A line for each link in a website that leads nowhere within it, and for each thing fetched from elsewhere."""
    pages = {page.resolve(): _Page(page) for page in sorted(folder.rglob("*.html"))}
    found = []
    for page, named in pages.items():
        where = page.relative_to(folder.resolve()).as_posix()
        for link in dict.fromkeys(named.links + named.fetched):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in named.fetched and url.scheme != "data":
                    found.append(f"{where} fetches {link}")
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            target = target / "index.html" if target.is_dir() else target
            lost = url.fragment and target in pages and unquote(url.fragment) not in pages[target].anchors
            if not target.exists() or lost:
                found.append(f"{where} links to {link}, which is not there")
    return found
