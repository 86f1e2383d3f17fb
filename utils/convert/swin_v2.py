"""Swin Transformer v2: timm's and Microsoft's names and the model of unit 05.

    from utils.convert import swin_v2

    variables = swin_v2.to_flax(state_dict, like=jax.eval_shape(model.init, key, images))
    state_dict = swin_v2.to_torch(variables, names="microsoft")

In Flax a block is `stage0_block1` and the merging before stage 1 is `merge1`. timm names that merging after the stage
that it opens (`layers.1.downsample`), Microsoft after the one that it closes (`layers.0.downsample`); Microsoft's head
is `head`, timm's `head.fc`. Otherwise they agree. What can be computed (`attn_mask`, `relative_coords_table`,
`relative_position_index`) is in Microsoft's files, and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from utils.base.errors import CourseError
from utils.convert import state as states
from utils.convert.rules import CONV, DENSE, Rule, Rules

BLOCK, FLAX_BLOCK = "layers.{stage}.blocks.{block}", "stage{stage}_block{block}"
ATTENTION, FLAX_ATTENTION = f"{BLOCK}.attn", f"{FLAX_BLOCK}/attention"
PLACES, FLAX_PLACES = "absolute_pos_embed", "absolute_position"  # [1, H·W, C] and [H, W, C]
STAGES = 4  # of every published model


def _norm(torch: str, flax: str) -> list[Rule]:
    """Scale and bias of a LayerNorm."""
    return [Rule(f"{torch}.weight", f"params/{flax}/scale"), Rule(f"{torch}.bias", f"params/{flax}/bias")]


def _dense(torch: str, flax: str) -> list[Rule]:
    """Weight and bias of a dense layer."""
    return [Rule(f"{torch}.weight", f"params/{flax}/kernel", DENSE), Rule(f"{torch}.bias", f"params/{flax}/bias")]


def _merging(torch: str, flax: str) -> list[Rule]:
    """The dense layer without bias, and the LayerNorm after it."""
    return [
        Rule(f"{torch}.reduction.weight", f"params/{flax}/reduction/kernel", DENSE),
        *_norm(f"{torch}.norm", f"{flax}/norm"),
    ]


COMMON = (
    Rule("patch_embed.proj.weight", "params/patch_embed/kernel", CONV),
    Rule("patch_embed.proj.bias", "params/patch_embed/bias"),
    *_norm("patch_embed.norm", "patch_norm"),
    Rule(PLACES, f"params/{FLAX_PLACES}"),
    *(Rule(f"{ATTENTION}.{name}", f"params/{FLAX_ATTENTION}/{name}") for name in ("logit_scale", "q_bias", "v_bias")),
    Rule(f"{ATTENTION}.qkv.weight", f"params/{FLAX_ATTENTION}/qkv/kernel", DENSE),
    *_dense(f"{ATTENTION}.cpb_mlp.0", f"{FLAX_ATTENTION}/position_bias/hidden"),
    Rule(f"{ATTENTION}.cpb_mlp.2.weight", f"params/{FLAX_ATTENTION}/position_bias/out/kernel", DENSE),
    *_dense(f"{ATTENTION}.proj", f"{FLAX_ATTENTION}/proj"),
    *_norm(f"{BLOCK}.norm{{i}}", f"{FLAX_BLOCK}/norm{{i}}"),
    *_dense(f"{BLOCK}.mlp.fc1", f"{FLAX_BLOCK}/mlp/wide"),
    *_dense(f"{BLOCK}.mlp.fc2", f"{FLAX_BLOCK}/mlp/narrow"),
    *_norm("norm", "norm"),
)
MERGINGS = {
    "timm": _merging("layers.{stage}.downsample", "merge{stage}"),
    "microsoft": [rule for i in range(1, STAGES) for rule in _merging(f"layers.{i - 1}.downsample", f"merge{i}")],
}
HEADS = {"timm": "head.fc", "microsoft": "head"}
RULES = {
    names: Rules(
        "Swin v2",
        [*COMMON, *MERGINGS[names], *_dense(HEADS[names], "head")],
        drop=("*.attn_mask", "*.relative_coords_table", "*.relative_position_index"),
    )
    for names in HEADS
}


def to_flax(state: Mapping[str, Any], like: Mapping[str, Any]) -> Any:
    """Turn timm's or Microsoft's state dict, whichever it is, into Flax variables.

    Args:
        state: PyTorch's name → array, as `convert.read` finds it in a file.
        like: variables of the Flax model, of which only structure and shapes count:
            `jax.eval_shape(model.init, key, images)`.

    Returns:
        Variables of the structure of `like`: NumPy arrays in the dtypes of `state`.

    Raises:
        CourseError: names are missing or unknown, or shapes wrong; it says which.
    """
    tensors = dict(state)
    places = like.get("params", {}).get(FLAX_PLACES)
    if PLACES in tensors and places is not None:
        array = np.asarray(tensors[PLACES])
        # where sizes differ, the comparison of shapes will report it
        tensors[PLACES] = array.reshape(places.shape) if array.size == math.prod(places.shape) else array
    # what only Microsoft's files have: a merging that closes stage 0, or a plain head
    microsofts = "layers.0.downsample.reduction.weight" in tensors or "head.weight" in tensors
    return states.to_flax(RULES["microsoft" if microsofts else "timm"], tensors, like)


def to_torch(variables: Mapping[str, Any], names: str = "timm") -> dict[str, np.ndarray]:
    """Turn Flax variables into a state dict.

    Args:
        variables: of the Flax model, with "params" on top.
        names: whose names the tensors get, "timm" or "microsoft".

    Returns:
        PyTorch's name → NumPy array.

    Raises:
        CourseError: names are unknown; it says which.
    """
    if names not in RULES:
        raise CourseError(f'names={names!r} is unknown: use "timm" or "microsoft".')
    params = dict(variables.get("params", {}))
    if FLAX_PLACES in params:
        params[FLAX_PLACES] = np.reshape(params[FLAX_PLACES], (1, -1, np.shape(params[FLAX_PLACES])[-1]))
    return states.to_torch(RULES[names], {**variables, "params": params})
