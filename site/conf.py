"""Sphinx's settings for the website. `utils/commands/instructors/site.py` lays the pages out and starts it.

No page needs a network: no script, font or style comes from elsewhere, and formulas are MathML, which browsers draw.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "Learn JAX by training real models"
author = "the JAX course's authors"
project_copyright = f"2026 {author}"
language = "en"
extensions = ["myst_nb"]
root_doc = "index"
include_patterns = ["*.md", "notebooks/*.ipynb", "exercises/*.ipynb", "ressources/findings/*.md"]
html_theme = "furo"
html_title = project
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
suppress_warnings = ["misc.highlighting_failure"]  # pseudocode is shown as Python
html_math_renderer = "mathml"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

nb_execution_mode = "off"  # the outputs are those that are committed
nb_ipywidgets_js = {}
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

URLS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"].get(
    "urls", {}
)
COLAB = URLS.get("Repository", "").replace("https://github.com/", "https://colab.research.google.com/github/")
TO_RUN = (
    '<p class="to-run">To run it, take <a href="../jax-course.zip">the whole course</a> and say <code>make lab</code>, '
    'or take <a href="../{name}.ipynb">this notebook</a> alone'
    + (f', or <a href="{COLAB}/blob/main/{{name}}.ipynb">open it in Colab</a>' if COLAB else "")
    + ".</p>"
)


def mathml(self: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    text = re.sub(r"(\\log(?:_\w)?) (?=\w)", r"\1\\, ", node.astext())  # it would set them without a space
    tree = latex2mathml.tex2mathml(text, as_block=block)
    self.body.append(f'<div class="math">{tree}</div>' if block else tree)
    raise nodes.SkipNode


usual = NbElementRenderer.render_image


def described(self: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """A plot with the words that its output comes with; one that is drawn follows the theme."""
    known = data.output_metadata.get(data.mime_type, {})
    options = {"alt": known.get("alt", "a plot"), "classes": "course-drawn" if known.get("drawn") else ""}
    data.cell_metadata = data.cell_metadata | {"mystnb": {"image": options}}
    return usual(self, data)


NbElementRenderer.render_image = described


def finish(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """Say below a notebook's title how to run it, and let a keyboard reach what scrolls."""
    body = re.sub(
        r'(class="[^"]*\boutput\b[^"]*"><div class="highlight"><pre)>', r'\1 tabindex="0">', context.get("body", "")
    )
    body = re.sub(r'<div (class="(?:table|math)-wrapper)', r'<div tabindex="0" \1', body)
    if pagename.startswith(("notebooks/", "exercises/")):
        body = body.replace("</h1>", f"</h1>\n{TO_RUN.format(name=pagename)}", 1)
    if pagename == "index":
        body = body.replace("</h1>", '</h1>\n<p><a href="jax-course.zip">The course\'s folder, as a zip</a></p>', 1)
    tree = context["furo_navigation_tree"].replace('role="heading"', 'role="heading" aria-level="2"')
    context.update(body=body, furo_navigation_tree=tree)


def setup(app: Sphinx) -> None:
    """What Sphinx calls before it reads a page."""
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    app.connect("html-page-context", finish, priority=900)  # after the theme
