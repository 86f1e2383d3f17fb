"""The course in a real browser, as a student meets it: the start page, every unit, answers, a second visit.

Every page is looked at in both themes, at 900 and 1,600 pixels. Needs Playwright's client and axe (the extra `browser`)
and Chromium. Pictures of each step are left in `build/walk/`.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

from utils.base.notebook import BY_A_MACHINE
from utils.base.paths import BUILD, EXERCISES, NOTEBOOKS, ROOT, sources

NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden) "
# JupyterLab draws the cells further down when it has time, or when they are scrolled to
WHOLE = """([notebook, cells]) => {
    const box = document.querySelector(notebook);
    box?.scrollTo(0, box.scrollHeight);
    return box?.querySelectorAll(".jp-Cell").length === cells;
}"""
VIEWS = [("Dark", 900), ("Dark", 1600), ("Light", 900), ("Light", 1600)]  # a theme, and a width in pixels
OURS = [".jp-MarkdownViewer .jp-RenderedMarkdown", ".jp-OutputArea-output"]  # what the course draws, not JupyterLab
ANSWERS = {
    "def standardise": "def standardise(x):\n    return (x - x.mean()) / x.std()",
    "check.standardise": "standardise = check.standardise(standardise)",
    "def compress": "def compress(x):\n    return jnp.where(x > 0, jnp.log1p(jnp.where(x > 0, x, 0)), x)",
    "check.compress": "compress = check.compress(compress)",
    "check.histogram": "histogram = check.histogram(histogram)\ncheck.hint('histogram'); check.reveal('histogram')\n"
    "from utils.progress import track\nfor _ in track(range(3), 'a bar'): pass\ncheck.progress()",
}
TOLD = ["not right yet", "axis=0", "2 of 2 points", "Hint 1 of 3", "revealed", "1 of 9 exercises right", "a bar: 100%"]


def asked_first(unit):
    """The names of a unit's exercises, and a wrong and a right answer that people gave to the first."""
    text = (EXERCISES / f"{unit}.py").read_text(encoding="utf-8")
    names = re.findall(r"^(\w+) = check\.\1\(\1\)$", text, re.MULTILINE)
    cells = (ROOT / "tests" / "answers" / unit / f"{names[0]}.py").read_text(encoding="utf-8").split("# %% ")
    given = (next(cell for cell in cells if cell.startswith(label)) for label in ("wrong", "right"))
    return names, *(cell.partition("\n")[2].strip() for cell in given)


@pytest.fixture
def page(tmp_path, browser):
    """JupyterLab's first page, on a copy of the course, started as a student does."""
    course = tmp_path / "course"
    shutil.copytree(ROOT, course, ignore=shutil.ignore_patterns(".*", "build", "models", "tests", "START.md"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"lab --no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=walk".split()
    env = {name: value for name, value in os.environ.items() if name not in BY_A_MACHINE}
    env |= {"PYTHONPATH": str(course), "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "utils", *options]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.1)
        opened = browser.new_page(viewport={"width": 1600, "height": 1000})
        opened.set_default_timeout(300_000)
        opened.goto(f"http://127.0.0.1:{port}/?token=walk")
        yield opened
    finally:
        server.terminate()
        server.wait(20)


def menu(page, name, *path):
    page.get_by_role("menuitem", name=name, exact=True).click()
    for item in path:
        page.locator(".lm-Menu-itemLabel", has_text=item).first.click()


def tab(page, words, kind=""):
    return page.locator(f".lm-DockPanel-tabBar .lm-TabBar-tab{kind}", has_text=words)


def opened(page, folder, number):
    """The tab of a unit's lesson or exercises, opened by the start page's link and whole."""
    tab(page, "START").click()
    kind, file = {NOTEBOOKS: "lesson", EXERCISES: "exercises"}[folder], sources(folder)[number].with_suffix(".ipynb")
    page.locator(".jp-MarkdownViewer").get_by_role("link", name=kind, exact=True).nth(number).click()
    cells = len(json.loads(file.read_text(encoding="utf-8"))["cells"])
    page.wait_for_function(WHOLE, arg=[f"{NOTEBOOK}.jp-WindowedPanel-outer", cells])
    return tab(page, file.name, f"[data-course={folder.name}]")


def enter(page, answers):
    """Write over the cells in which a text or a pattern stands, and run them."""
    for old, new in answers.items():
        page.locator(f"{NOTEBOOK}.jp-CodeCell .cm-content", has_text=old).first.click()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.insert_text(new)
        page.keyboard.press("Control+Enter")


def told(page, words):
    for one in words:
        page.locator(f"{NOTEBOOK}.jp-OutputArea", has_text=one).first.wait_for(state="attached")


def as_it_was(page):
    assert not page.locator(".lm-mod-current.jp-mod-dirty").count()
    assert not page.get_by_text("Error displaying widget").count()


def look(page, name, serious):
    """Nothing is cut, and axe finds nothing serious; pictures are kept."""
    for theme, width in VIEWS:
        if theme not in str(page.locator("body").get_attribute("data-jp-theme-name")):
            menu(page, "Settings", "Theme", f"JupyterLab {theme}")
            page.wait_for_timeout(500)
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(300)
        page.screenshot(path=BUILD / "walk" / f"{name}_{theme.lower()}_{width}.png")
        cut = page.locator(", ".join([".jp-CodeCell .cm-scroller", *OURS])).evaluate_all(
            "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML)"
        )
        assert not cut
        assert not serious(page, [one for one in OURS if page.locator(one).count()])


@pytest.mark.proof
def test_a_student_walks_through_the_course(page, serious):
    start = page.locator(".jp-MarkdownViewer")
    start.get_by_text("Continue here").wait_for()
    links = set(start.locator("a[href*='.ipynb']").evaluate_all("all => all.map(one => one.href.split('#')[0])"))
    assert len(links) >= 15 and all(page.request.head(link).ok for link in links)
    page.screenshot(path=BUILD / "walk" / "start_first.png")
    page.locator(".jp-DirListing-item", has_text="notebooks").dblclick()
    page.locator(".jp-DirListing-item", has_text=sources(NOTEBOOKS)[-1].with_suffix(".ipynb").name).wait_for()
    listed = page.locator(".jp-DirListing-itemText").all_inner_texts()
    assert len(listed) >= 6 and not [name for name in listed if name.endswith(".py")]

    start.locator("a", has_text="3 · A function in two pieces").click()
    page.locator(NOTEBOOK).get_by_role("heading", name="Exercise 3").wait_for()
    page.wait_for_timeout(3000)
    as_it_was(page)
    menu(page, "Run", "Run All Cells")
    told(page, ["0 of 9 exercises right"])
    enter(page, ANSWERS)
    told(page, TOLD)
    pictures = page.locator(f"{NOTEBOOK}.jp-RenderedImage img").evaluate_all("all => all.map(one => one.alt)")
    assert len(pictures) >= 5 and "before; weight over height" in pictures[0]
    page.locator(NOTEBOOK).get_by_text("1 of 9 exercises right").first.scroll_into_view_if_needed()
    look(page, "exercise", serious)

    tab(page, "START").click()
    for row, words in (("Standardise", "not right yet"), ("histogram", "revealed"), ("two pieces", "right")):
        start.locator("tr", has_text=row).filter(has_text=words).wait_for()
    look(page, "start", serious)

    tab(page, "01_jnp").click()
    menu(page, "Kernel", "Restart Kernel and Clear Outputs of All Cells")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_timeout(1000)
    menu(page, "Run", "Run All Cells")
    page.locator(f"{NOTEBOOK}.jp-OutputArea", has_text="exercises right").nth(1).wait_for(state="attached")
    page.keyboard.press("ControlOrMeta+s")
    page.wait_for_timeout(1500)
    tab(page, "01_jnp").locator(".lm-TabBar-tabCloseIcon").click()
    start.get_by_role("link", name="exercises", exact=True).first.click()
    told(page, TOLD)
    page.wait_for_timeout(3000)
    as_it_was(page)
    page.screenshot(path=BUILD / "walk" / "reopened.png")


@pytest.mark.proof
def test_every_unit_is_looked_at_and_its_exercises_are_worked_on(page, serious):
    """Lessons with the outputs that they come with; exercises run untouched, answered wrongly and rightly, reopened."""
    for number, unit in enumerate(path.stem for path in sources(NOTEBOOKS)):
        names, wrong, right = asked_first(unit)
        cell, check = re.compile(rf"(def|class) {names[0]}\b"), f"check.{names[0]}("
        checks = {check: f"{names[0]} = {check}{names[0]})", "check.progress()": "check.progress()"}
        exercises = opened(page, EXERCISES, number)
        menu(page, "Run", "Run All Cells")
        lesson = opened(page, NOTEBOOKS, number)  # looked at while they run
        page.locator(f"{NOTEBOOK}:is(.jp-RenderedImage, .jp-CodeCell)").last.scroll_into_view_if_needed()
        look(page, f"lesson_{unit[:2]}", serious)
        as_it_was(page)
        lesson.locator(".lm-TabBar-tabCloseIcon").click()
        exercises.click()
        told(page, [f"0 of {len(names)} exercises right"])
        enter(page, {cell: wrong, **checks})
        told(page, ["not right yet"])
        enter(page, {cell: right, **checks})
        told(page, done := [f"1 of {len(names)} exercises right"])
        page.keyboard.press("ControlOrMeta+s")
        page.wait_for_timeout(1500)
        exercises.locator(".lm-TabBar-tabCloseIcon").click()
        exercises = opened(page, EXERCISES, number)
        told(page, done)
        look(page, f"exercises_{unit[:2]}", serious)
        as_it_was(page)
        menu(page, "Kernel", "Shut Down Kernel")
        exercises.locator(".lm-TabBar-tabCloseIcon").click()
