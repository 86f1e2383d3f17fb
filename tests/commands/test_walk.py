"""The course in a real browser, as a student meets it: JupyterLab, its start page, an exercise, a second visit.

Needs Playwright's client and axe (the extra `browser`) and Chromium. Pictures of each step are left in `build/walk/`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from utils.base.notebook import BY_A_MACHINE
from utils.base.paths import BUILD, ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
EXERCISE = "exercises/01_jnp_and_jit.ipynb"
WRONG = "def standardise(x):\n    return (x - x.mean()) / x.std()"
RIGHT = "def compress(x):\n    return jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0)), x)"
HELP = 'check.hint("histogram"); check.reveal("histogram"); check.progress()'
BAR = "from utils.progress import track\nfor _ in track(range(3), 'a bar'): pass"
NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden) "
OURS = [".jp-MarkdownViewer", ".jp-OutputArea-output"]  # what the course draws; the rest is JupyterLab's


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on a copy of the course, started as a student does."""
    course, home = tmp_path_factory.mktemp("walk") / "course", tmp_path_factory.mktemp("home")
    left_out = shutil.ignore_patterns(".*", "build", "models", "tests", "START.md", "__pycache__")
    shutil.copytree(ROOT, course, ignore=left_out)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--no-browser", f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=walk"]
    env = {name: value for name, value in os.environ.items() if name not in BY_A_MACHINE}
    env |= {"PYTHONPATH": str(course), "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "COURSE_DATA": "sample"}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "utils", "lab", *options], cwd=course, env=env, stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert server.poll() is None, (home / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/?token=walk"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("no client for a browser")
    if not CHROMIUM:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1600, "height": 1000}, device_scale_factor=1)
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def menu(page: Any, *path: str) -> None:
    page.get_by_role("menuitem", name=path[0], exact=True).click()
    for item in path[1:]:
        page.locator(".lm-Menu-itemLabel", has_text=item).first.click()


def tab(page: Any, words: str) -> Any:
    return page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=words)


def enter(page: Any, old: str, new: str) -> None:
    """Replace a cell's code and run it."""
    page.locator(f"{NOTEBOOK}.jp-CodeCell .cm-content", has_text=old).first.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(new)
    page.keyboard.press("Shift+Enter")


def done(page: Any) -> None:
    """Wait until something has begun and the kernel has nothing to do, for more than a moment."""
    page.locator(f"{NOTEBOOK}.jp-InputPrompt", has_text="[*]").first.wait_for()
    still = 0
    while still < 4:
        page.wait_for_timeout(250)
        waiting = page.locator(f"{NOTEBOOK}.jp-InputPrompt", has_text="[*]").count()
        still = 0 if waiting else still + 1


def see(page: Any, name: str) -> None:
    """Look at what is on the page, in both themes, narrow and wide: axe finds nothing serious, nothing is cut."""
    from axe_playwright_python.sync_playwright import Axe

    for theme in ("Dark", "Light"):
        menu(page, "Settings", "Theme", f"JupyterLab {theme}")
        page.wait_for_timeout(700)
        for width in (900, 1600):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(300)
            page.screenshot(path=BUILD / "walk" / f"{name}_{theme.lower()}_{width}.png")
            cut = page.locator(f"{NOTEBOOK}.jp-CodeCell .cm-scroller, .jp-RenderedHTMLCommon:visible").evaluate_all(
                "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"
            )
            assert not cut
        found = Axe().run(page, context={"include": [[one] for one in OURS if page.locator(one).count()]})
        serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
        assert not [(one["id"], one["nodes"][0]["html"][:300]) for one in serious], theme
    assert not page.get_by_text("Error displaying widget").count()


@pytest.mark.proof
def test_a_student_walks_through_the_course(lab: str, page: Any) -> None:
    (BUILD / "walk").mkdir(parents=True, exist_ok=True)
    page.goto(lab)
    start = page.locator(".jp-MarkdownViewer")
    start.get_by_text("Go on here").wait_for()
    assert "/lab/tree/START.md" in page.url and start.get_by_text("0 of 9").count()
    links = start.locator("a[href*='.ipynb']").evaluate_all("all => all.map(one => one.href.split('#')[0])")
    assert len(set(links)) >= 15 and all(page.request.head(link).ok for link in set(links))
    see(page, "start")

    start.locator(f"a[href*='{EXERCISE}']", has_text="exercises").first.click()
    page.locator(f"{NOTEBOOK}.jp-CodeCell").first.wait_for()
    page.wait_for_timeout(3000)
    assert not tab(page, "01_jnp").locator(".jp-mod-dirty").count()
    menu(page, "Run", "Run All Cells")
    done(page)
    enter(page, "def standardise", WRONG)
    enter(page, "check.standardise", "standardise = check.standardise(standardise)")
    enter(page, "def compress", RIGHT)
    enter(page, "check.compress", "compress = check.compress(compress)")
    enter(page, "check.histogram", HELP)
    done(page)
    told = page.locator(f"{NOTEBOOK}.jp-OutputArea")
    for words in ("not right yet", "axis=0", "2 of 2 points", "Hint 1 of 3", "revealed", "1 of 9 exercises right"):
        assert told.filter(has_text=words).count(), words
    pictures = page.locator(f"{NOTEBOOK}.jp-RenderedImage img").evaluate_all("all => all.map(one => one.alt)")
    assert len(pictures) >= 5 and "before; weight over height" in pictures[0]
    told.filter(has_text="exercises right").first.scroll_into_view_if_needed()
    see(page, "exercise")

    tab(page, "START").click()
    for row, words in (("Standardise", "not right yet"), ("histogram", "revealed"), ("two pieces", "right")):
        start.locator("tr", has_text=row).filter(has_text=words).wait_for()
    see(page, "start_again")

    tab(page, "01_jnp").click()
    enter(page, "check.predict", BAR)
    menu(page, "Kernel", "Restart Kernel and Run All Cells")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    done(page)
    page.keyboard.press("ControlOrMeta+s")
    page.wait_for_timeout(1500)
    tab(page, "01_jnp").locator(".lm-TabBar-tabCloseIcon").click()
    page.wait_for_timeout(500)
    start.locator(f"a[href*='{EXERCISE}']", has_text="exercises").first.click()
    page.locator(f"{NOTEBOOK}.jp-CodeCell").first.wait_for()
    page.wait_for_timeout(3000)
    assert not page.locator(".jp-mod-dirty").count()
    for words in ("1 of 9 exercises right", "2 of 2 points", "a bar: 100%"):
        assert told.filter(has_text=words).count(), words
    see(page, "reopened")
