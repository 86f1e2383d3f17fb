"""The residual block with its usual mistakes, to compare an answer with."""

from __future__ import annotations

from typing import Any

import jax
from flax import linen as nn


class Variant(nn.Module):
    """The block with its usual mistakes to choose from; the weights have the same names."""

    features: int
    stride: int
    conv: Any
    norm: Any
    padding: Any = 1
    strided: str = "conv1"
    relu_between: bool = True
    relu_before: bool = False
    relu_after: bool = True
    shortcut: bool = True
    norm_last: bool = False
    relu_shortcut: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """What the block makes of maps [B, H, W, C]."""
        strides = (self.stride, 1) if self.strided == "conv1" else (1, self.stride)
        y = self.conv(self.features, (3, 3), strides=strides[0], padding=self.padding, name="conv1")(x)
        y = self.norm(name="bn1")(y)
        y = nn.relu(y) if self.relu_between else y
        y = self.conv(self.features, (3, 3), strides=strides[1], padding=self.padding, name="conv2")(y)
        y = y if self.norm_last else self.norm(name="bn2")(y)
        if x.shape != y.shape:
            x = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
            x = nn.relu(x) if self.relu_shortcut else x
        y = nn.relu(y) if self.relu_before else y
        y = y + x if self.shortcut else y
        y = self.norm(name="bn2")(y) if self.norm_last else y
        return nn.relu(y) if self.relu_after else y
