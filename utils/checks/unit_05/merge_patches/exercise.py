"""`merge_patches`: maps of many sizes, their numbers so small that the epsilon shows."""

from __future__ import annotations

from typing import Any

from utils.checks.exercise import Draw, Exercise


def draw(
    rng: Draw, shape: tuple[int, int, int, int], width: int, small: float = 0.02, blank: bool = False
) -> dict[str, Any]:
    """Maps of that shape, and weights that make `width` channels."""
    x = rng.normal(*shape, scale=small)
    if blank:
        x[0] = 0.0
    return {
        "x": x,
        "kernel": rng.normal(4 * shape[-1], width, scale=0.3),
        "scale": rng.normal(width),
        "bias": rng.normal(width),
    }


merge_patches = Exercise(
    name="merge_patches",
    title="Four neighbours become one token",
    stars=2,
    minutes=8,
    points=2,
    hints=(
        "`x[:, 0::2, 0::2]` selects the tokens in even rows and even columns, one from each square. Select the other three likewise.",
        "Concatenate the four along the channels: `jnp.concatenate([...], axis=-1)` is [B, H/2, W/2, 4C].",
        "Multiply with `@ kernel`. Only then subtract the mean, divide by the square root of the variance plus 1e-5, multiply by "
        "`scale` and add `bias`.",
    ),
    sizes=(
        {"shape": (1, 2, 2, 1), "width": 4, "about": "a single square, one channel, a square kernel"},
        {"shape": (2, 4, 6, 3), "width": 6, "about": "maps wider than high"},
        {"shape": (3, 6, 2, 2), "width": 4, "small": 1.0, "about": "maps higher than wide, numbers around 1"},
        {"shape": (2, 2, 4, 3), "width": 5, "blank": True, "about": "a blank map, and a kernel [12, 5], not [4C, 2C]"},
    ),
    draw=draw,
)
