"""What holds for all tests: none is left out unseen; the walk in a browser and the long ones go first.

A run ends with its skips and what would run them, and with `CI` set a skip that is not listed here fails it. Proofs
that have not begun at `COURSE_PROOF_UNTIL`, in seconds since 1970, are skipped: a run ended by force shows nothing.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

# why a test may be left out, also in CI → what would run it
ALLOWED_SKIPS = {
    "this backend is no CPU": "a run with JAX_PLATFORMS=cpu",
    "Windows has no such signal, limit or link": "Linux or macOS",
    "CUDA wheels are for Linux": "Linux",
    "no client for a browser": ".venv/bin/python -m pip install playwright axe-playwright-python",
    "no Chromium": "Chromium or Chrome installed (sudo apt install chromium)",
    "glibc is for Linux": "Linux",
    "what makes the website is not installed": "make site",
    "no time left": "make proof on a faster machine",
    "not a git checkout": "a clone of the repository instead of a copy of its files",
}
# what a browser sees of the course, so that it is proven also where time runs out; then the files that take longest:
# begun last, they would leave all cores but one idle
FIRST = (
    *("test_walk.py", "test_site.py"),
    *("test_units.py", "test_swin_v2.py", "test_release.py", "test_resnet18.py", "test_data.py", "test_vgg8.py"),
)
SKIPS = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture
def float64():  # type: ignore[no-untyped-def]
    """What is compared closely is computed in float64."""
    import jax

    with jax.enable_x64(True):
        yield


@pytest.fixture
def browser():  # type: ignore[no-untyped-def]
    """Chromium, which nobody sees."""
    client = pytest.importorskip("playwright.sync_api", reason="no client for a browser")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium")
    with client.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def serious():  # type: ignore[no-untyped-def]
    """What axe finds on a page, or in some of its parts, that keeps people from reading it."""

    def found(page, parts=("html",)):  # type: ignore[no-untyped-def]
        from axe_playwright_python.sync_playwright import Axe

        violations = Axe().run(page, context={"include": [[part] for part in parts]}).response["violations"]
        return [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")]

    return found


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("proof") and time.time() > float(os.environ.get("COURSE_PROOF_UNTIL", "inf")):
        pytest.skip("no time left")


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(report, config):  # type: ignore[no-untyped-def]
    """Asked once for every report, in the process that the workers report to."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        config.stash[SKIPS].append((report.nodeid, reason.removeprefix("Skipped: ")))
    return (yield)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        raise pytest.UsageError(f"{report.nodeid} is left out as a whole: skip its tests one by one, with a reason")


def pytest_sessionfinish(session: pytest.Session) -> None:
    unlisted = [skip for skip in session.config.stash[SKIPS] if skip[1] not in ALLOWED_SKIPS]
    if unlisted and os.environ.get("CI") and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:  # type: ignore[no-untyped-def]
    lines = []
    for reason in dict.fromkeys(reason for _, reason in config.stash[SKIPS]):
        tests = Counter(test.partition("[")[0] for test, why in config.stash[SKIPS] if why == reason)
        which = ", ".join(f"{number} of {test.rpartition('/')[2]}" for test, number in tests.items())
        cure = f"runs with {ALLOWED_SKIPS[reason]}" if reason in ALLOWED_SKIPS else "which CI does not allow"
        lines.append(f"{tests.total()} skipped, {which}: {reason}; {cure}")
    for line in lines:
        terminalreporter.write_line(line)
    file = os.environ.get("COURSE_SKIPS")
    if lines and file and not hasattr(config, "workerinput"):
        with Path(file).open("a", encoding="utf-8") as log:
            log.write("".join(f"{line}\n" for line in lines))
