"""The colours of plots and verdicts stand out, in JupyterLab's light theme and in its dark one."""

import re
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from utils import plots
from utils.base.paths import NOTEBOOKS, RESSOURCES, SOLUTIONS, sources
from utils.checks.verdict import REVEALED, Kind

CYCLE = [to_rgb(colour) for colour in plt.rcParams["axes.prop_cycle"].by_key()["color"]]
OKABE_ITO = [to_rgb(f"#{c}") for c in ["0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9", "000000"]]
TEXTS = [path.read_text(encoding="utf-8") for folder in (NOTEBOOKS, SOLUTIONS) for path in sources(folder)]
NAMED = {name for text in TEXTS for name in re.findall(r'\bcolor="(\w+)"', text)} - {"white"}  # which lies on pictures
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# how linear RGB is seen by those who lack a kind of cone: Machado, Oliveira and Fernandes 2009, severity 1
SEEN = {
    "all three cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], LUMINANCE, [0.0193339, 0.1191920, 0.9503041]])


def linear(colour):
    colour = np.asarray(colour)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """As WCAG 2 defines it."""
    low, high = sorted(LUMINANCE @ linear(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def in_the_dark_theme(colour):
    """After the filter that the course's extension puts on drawings; its matrices are those of CSS."""
    script = (RESSOURCES / "jupyter" / "labextensions" / "jax-course" / "course.js").read_text(encoding="utf-8")
    (amount,) = re.findall(r"img\.course-drawn \{ filter: invert\((.+?)\) hue-rotate\(180deg\); \}", script)
    turned = 2 * np.tile([0.213, 0.715, 0.072], (3, 1)) - np.eye(3)
    return np.clip(turned @ (float(amount) + (1 - 2 * float(amount)) * np.asarray(colour)), 0, 1)


def lab(colour, cones):
    """CIELAB, where distances are as large as differences look."""
    x, y, z = np.cbrt(XYZ @ np.clip(SEEN[cones] @ linear(colour), 1e-3, 1) / XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("colour", [*CYCLE, *map(to_rgb, sorted({plots.PALE, *NAMED}))])
def test_a_line_stands_out_from_the_page(colour):
    """By three to one, which WCAG 2 asks of graphics (1.4.11)."""
    assert contrast(colour, (1, 1, 1)) >= 3
    assert contrast(in_the_dark_theme(colour), in_the_dark_theme((1, 1, 1))) >= 3


@pytest.mark.parametrize("cones", SEEN)
@pytest.mark.parametrize("shown", [np.asarray, in_the_dark_theme])
def test_lines_are_told_apart_as_well_as_in_okabe_and_itos_colours(shown, cones):
    ours, theirs = (
        min(np.linalg.norm(lab(shown(one), cones) - lab(shown(other), cones)) for one, other in combinations(all_, 2))
        for all_ in (CYCLE, OKABE_ITO)
    )
    assert ours >= theirs


def test_verdicts_have_marks_of_their_own_and_white_reads_on_their_colours():
    """By 4.5 to one, which WCAG 2 asks of text (1.4.3)."""
    looks = [*Kind, REVEALED]
    assert len({look.mark for look in looks}) == len(looks)
    assert min(contrast(to_rgb(look.colour), (1, 1, 1)) for look in looks) >= 4.5
