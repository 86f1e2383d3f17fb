"""What every pipeline yields."""

from __future__ import annotations

from typing import Any, NamedTuple


class Batch(NamedTuple):
    """A batch of B labelled images.

    image: [B, H, W, C] float32, normalised as `load` was asked to.
    label: [B] int32, an index into `Batches.classes`; after `mixup` or `cutmix` [B, K] float32, rows adding up to 1.
    mask:  [B] bool, False where the last batch was filled up to B; there image is 0 and label is 0.

    The leaves are jax.Array, NumPy arrays (`device="numpy"`, `data.arrays`) or jax.ShapeDtypeStruct (`Batches.spec`).
    """

    image: Any
    label: Any
    mask: Any
