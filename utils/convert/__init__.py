"""Weights from PyTorch to Flax and back: rules for names and layouts, and clear words where they do not fit.

    from utils import convert
    from utils.convert import resnet18

    state_dict = convert.read("resnet18.pth")  # or .safetensors
    variables = convert.to_flax(resnet18.RULES, state_dict, like=jax.eval_shape(model.init, key, images))
    weights.save("back.safetensors", convert.to_torch(resnet18.RULES, variables))

Needs no PyTorch: a state dict is a dictionary of arrays.
"""

from __future__ import annotations

from utils.convert.rules import CONV, DENSE, SAME, Layout, Rule, Rules
from utils.convert.state import to_flax, to_torch
from utils.convert.statefile import read

__all__ = ["CONV", "DENSE", "SAME", "Layout", "Rule", "Rules", "read", "to_flax", "to_torch"]
