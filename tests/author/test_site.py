"""The website: its pages are there, and nothing is fetched from elsewhere. They are of a release, without answers."""

import re
import sys
from importlib import util

import pytest

from utils.base.errors import CourseError
from utils.base.paths import SOLUTIONS, sources
from utils.commands.instructors import release, site


def test_pages_that_cannot_be_made_leave_the_old_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "BUILD", tmp_path / "build")
    monkeypatch.setattr(sys, "executable", "false")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("old")
    with pytest.raises(CourseError, match="is as it was"):
        site.write({"README.md": b"# New\n"}, tmp_path / "site")
    assert (tmp_path / "site" / "index.html").read_text() == "old"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if util.find_spec("myst_nb") is None:
        pytest.skip("what makes the website is not installed")
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "BUILD", folder / "build")
        site.write(release.files_of_release(), folder / "site")
    return folder / "site"


@pytest.mark.proof
def test_every_unit_has_its_pages_and_what_they_lead_to(made):
    units = [path.stem for path in sources(SOLUTIONS)]
    for folder in ("notebooks", "exercises"):
        assert [page.stem for page in sorted((made / folder).glob("*.html"))] == units
        assert all((made / folder / f"{unit}.ipynb").is_file() for unit in units)
    assert (made / "jax-course.zip").is_file()
    assert "cell_output" in (made / "notebooks" / f"{units[0]}.html").read_text(encoding="utf-8")


@pytest.mark.proof
def test_formulas_are_drawn_by_the_browser(made):
    pages = [page.read_text(encoding="utf-8") for page in (made / "notebooks").glob("*.html")]
    assert any("<math" in page for page in pages)
    assert not any("<merror" in page or re.search("<script[^>]*mathjax", page, re.IGNORECASE) for page in pages)


@pytest.mark.proof
def test_it_is_read_on_a_phone_and_a_screen_in_both_themes(made, browser, serious):
    """Nothing reaches over the edge, axe finds nothing serious, nothing is asked of a network, and the search finds."""
    asked, screen = [], browser.new_page()
    screen.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "notebooks/05_swin_v2_imagenette.html", "exercises/04_resnet18_cats_dogs.html"):
        screen.goto((made / name).as_uri())
        for theme in ("light", "dark"):
            screen.emulate_media(color_scheme=theme)
            for width in (390, 1400):
                screen.set_viewport_size({"width": width, "height": 900})
                screen.wait_for_timeout(300)
                assert screen.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
                assert not serious(screen), (name, theme, width)
    screen.goto(f"{(made / 'search.html').as_uri()}?q=vmap")
    screen.locator("#search-results a", has_text="jnp").first.wait_for()
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
