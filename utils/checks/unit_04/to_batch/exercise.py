"""The check of `to_batch` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.checks.unit_04.shared import refusal
from utils.data import Batch


@exercise(
    stars=2,
    minutes=12,
    points=2,
    hints=(
        "Do it in NumPy, and hand over to JAX in the last line. First the order of the axes: `transpose` moves them, `reshape` "
        "would only cut the same row of numbers differently.",
        "`images.transpose(0, 2, 3, 1) / 255` is [N, H, W, C]; now `mean` and `std` line up with the last axis. Fill up *after* "
        "normalising: `np.pad(image, ((0, blanks), (0, 0), (0, 0), (0, 0)))`.",
        '`for label in labels: if not 0 <= label < classes: raise ValueError(f"label {label} …")`. The mask is '
        "`jnp.arange(size) < len(images)`.",
    ),
)
def to_batch(answer: Any, reference: Any) -> None:
    """Channel-first bytes of a PyTorch loader as a JAX batch."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (3, 3, 4, 5), dtype=np.uint8)
    images[0, :, 0, 0] = 255  # so that whole numbers after the division are not all 0
    labels = np.array([2, 0, 1], np.int64)
    mean, std = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
    size, classes = 5, 3

    def run(fn: Any, images: np.ndarray, labels: np.ndarray, size: int = size) -> Any:
        return fn(images, labels, size, classes, mean, std)

    got = probes.call(run, answer, images.copy(), labels.copy())
    want = Batch(*known("want", lambda: run(reference, images, labels)))
    _shape_is_right(got, want, images)
    probes.like(got, want)
    for name, leaf in zip(Batch._fields, jax.tree.leaves(got), strict=True):
        if not isinstance(leaf, jax.Array):
            probes.fail(f"`{name}` is still a NumPy array. `jnp.asarray` puts it where JAX computes.")
    probes.close(got, want, mistakes=_mistakes(images, want, np.array(mean), np.array(std)), rtol=1e-4, atol=1e-5)
    probes.pure(lambda images, labels: run(answer, images, labels), images.copy(), labels.copy())
    with probes.doing("with as many pictures as `size`"):
        full = known("full", lambda: run(reference, images, labels, 3))
        probes.close(run(answer, images, labels, 3), full, rtol=1e-4, atol=1e-5)
    _labels_are_looked_at(lambda bad: run(answer, images, np.array([2, bad, 1])))


def _shape_is_right(got: Any, want: Batch, images: np.ndarray) -> None:
    """Say what the shape of the pictures tells."""
    shape = getattr(getattr(got, "image", None), "shape", ())
    channels, height, width = images.shape[1:]
    if shape[1:] == (channels, height, width):
        probes.fail(f"The channels are still the first axis of a picture: {list(shape)}. JAX's layers want them last.")
    if shape[1:] == (width, height, channels):
        probes.fail(
            f"Rows and columns have changed places: {list(shape)}. `transpose(0, 2, 3, 1)` moves the channels last and keeps "
            "the others in order."
        )
    if shape == (len(images), *want.image.shape[1:]):
        probes.fail(
            f"The batch holds {len(images)} pictures, as many as came; {len(want.image)} are wanted, the others blank. With each "
            "new size the step would be compiled anew."
        )


def _mistakes(images: np.ndarray, want: Batch, mean: np.ndarray, std: np.ndarray) -> dict[str, Batch]:
    count = len(images)
    unit = images.transpose(0, 2, 3, 1) / 255

    def with_images(real: np.ndarray, blank: Any = 0.0) -> Batch:
        image = np.broadcast_to(blank, want.image.shape).astype(np.float32).copy()
        image[:count] = real
        return want._replace(image=image)

    reshaped = images.reshape(count, *images.shape[2:], -1) / 255
    return {
        "`reshape` keeps the row of numbers and cuts it anew, so colours and places are mixed up. `transpose` moves axes.": (
            with_images((reshaped - mean) / std)
        ),
        "The pixels are bytes, 0 to 255; `mean` and `std` are for 0..1. Divide by 255 first.": with_images(
            (unit * 255 - mean) / std
        ),
        "It divides by 255 after `mean` and `std`, which are for pixels in 0..1. Divide first.": with_images(
            (unit * 255 - mean) / std / 255
        ),
        "The pixels are in 0..1, but `mean` and `std` are not used.": with_images(unit),
        "It divides in whole numbers, so nearly every pixel is 0. `/`, not `//`, and not in uint8.": with_images(
            (np.floor(unit) - mean) / std
        ),
        "The batch was filled up before it was normalised, so the blanks are not 0 but −mean / std.": with_images(
            (unit - mean) / std, -mean / std
        ),
        "The blanks should come last, after the real pictures.": jax.tree.map(
            lambda leaf: jnp.roll(leaf, -count, 0), want
        ),
        "The mask is True for a blank; it should be True where an example is real.": want._replace(mask=~want.mask),
        "The mask is True everywhere, for the blanks too.": want._replace(mask=jnp.ones_like(want.mask)),
        "The blanks have label −1; 0 is wanted, a label that can be looked up.": want._replace(
            label=jnp.where(want.mask, want.label, -1)
        ),
    }


def _labels_are_looked_at(with_label: Any) -> None:
    if refusal(with_label, 7) is None:
        batch = with_label(7)
        if int(batch.label[1]) != 7:
            probes.fail(
                "A label of 7 is out of range, and it makes it another label. That hides the mistake: raise a `ValueError`."
            )
        probes.fail("It takes label 3 of 3 classes, and 7 too. Raise a `ValueError` for a label out of range.")
    if refusal(with_label, 3) is None:
        probes.fail("Three classes have labels 0, 1 and 2; it takes 3. The largest label is `classes - 1`.")
    if refusal(with_label, -1) is None:
        probes.fail("It takes label −1, which JAX reads as the last class. Look at both ends of the range.")
    for bad in (7, -1):
        told = refusal(with_label, bad)
        if str(bad) not in (told or "").replace("−", "-"):
            probes.fail(
                f"It raises for the label {bad}, but its message does not name it: {told!r}. Whoever reads it needs that."
            )
