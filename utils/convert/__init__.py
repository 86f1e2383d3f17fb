"""Weights from PyTorch to Flax and back: rules for names and layouts, and clear words where they do not fit.

    from utils import convert
    from utils.convert import resnet18

    state_dict = convert.read("resnet18.safetensors")
    variables = convert.to_flax(resnet18.RULES, state_dict, like=jax.eval_shape(model.init, key, images))
    weights.save("back.safetensors", convert.to_torch(resnet18.RULES, variables))

Needs no PyTorch: a state dict is a dictionary of arrays. What `torch.save` wrote is a pickle, and so PyTorch's to read:
`torch.load("resnet18.pth", weights_only=True)` gives such a dictionary and runs none of the file's code.
"""

from __future__ import annotations

from utils.convert.state import to_flax, to_torch
from utils.weights import arrays as read

__all__ = ["read", "to_flax", "to_torch"]
