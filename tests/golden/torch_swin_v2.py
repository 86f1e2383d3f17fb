"""What PyTorch's Swin v2 computes, in float64. Needs torch and timm, and is run by `make.py` only.

The factor on the cosines reaches 100 here, and with it grow the rounding errors of float32: of two right
implementations each is 1e-5 and more from the truth.

`model.double()` is not enough for that. timm computes the log-spaced table of offsets in float32 (whatever the dtype of
the model is) and keeps it: its entries are off by 1e-7, and a gradient by 3e-6. So `build` has timm's own formula
computed again with float64 in the place of float32. Nothing else in the model is rounded to float32; the weights are
float32 numbers, on both sides the same.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import rule
import timm
import torch
from torch_resnet18 import CLASSES, step, tensor

MICRO = {"embed_dim": 32, "depths": (2, 2, 2), "num_heads": (2, 4, 8)}
TINY = "swinv2_tiny_window8_256"
# name → timm's model, its options, pictures (batch, height, width)
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, int, int]]] = {
    "tiny, window 8, 256 px": (TINY, {}, (1, 256, 256)),
    "tiny, window 4, 128 px": (TINY, {"window_size": 4}, (2, 128, 128)),
    "tiny, window 12, 192 px": (TINY, {"window_size": 12}, (1, 192, 192)),
    # as Microsoft's models that were trained with 12 and fine-tuned with 16
    "tiny, window 16 after 12": (
        TINY,
        {"window_size": 16, "pretrained_window_sizes": (12, 12, 12, 6)},
        (1, 256, 256),
    ),
    "tiny, 256 × 192": (TINY, {}, (1, 256, 192)),
    "tiny, 200 × 232": (TINY, {}, (1, 200, 232)),  # maps of 50 × 58, 25 × 29, 13 × 15 and 7 × 8 tokens: padding
    "micro": ("micro", {"window_size": 4}, (2, 64, 64)),
    # maps of 18 × 10, 9 × 5 and 5 × 3 tokens: windows and mergings need padding, and h is not w
    "micro, padded": ("micro", {"window_size": 4}, (2, 72, 40)),
    "micro, window 16 after 8": ("micro", {"window_size": 16, "pretrained_window_sizes": (8, 8, 4)}, (1, 128, 128)),
    # Microsoft's option, which timm left out: a vector for each place, added after the patch embedding
    "micro, absolute position": ("micro", {"window_size": 4, "absolute": True}, (2, 64, 64)),
}


class Places(torch.nn.Module):
    """The patch embedding with Microsoft's `absolute_pos_embed` added to it."""

    def __init__(self, embed: torch.nn.Module, height: int, width: int, channels: int):
        super().__init__()
        self.embed, self.size = embed, (1, height, width, channels)
        self.absolute_pos_embed = torch.nn.Parameter(torch.zeros(1, height * width, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.embed(x) + self.absolute_pos_embed.reshape(self.size)


def values() -> dict[str, Any]:
    """Names and shapes of the weights, and for each case what `step` returns: logits, loss and every gradient."""
    golden: dict[str, Any] = {
        "made with": {"torch": torch.__version__, "timm": timm.__version__},
        "shapes": {},
        "cases": {},
    }
    for case, (name, options, pictures) in CASES.items():
        model, shapes = build(name, options, pictures)
        golden["shapes"].setdefault(name, {n: s for n, s in shapes.items() if n != "absolute_pos_embed"})
        made = step(model, tensor(rule.images(case, *pictures)), called=plain)
        golden["cases"][case] = {"model": name, "pictures": pictures} | made
    return golden


def build(name: str, options: dict[str, Any], pictures: tuple[int, int, int]) -> tuple[torch.nn.Module, dict]:
    """The model with every tensor by the rule, in evaluation mode, and names and shapes of its weights."""
    options = dict(options)
    absolute = options.pop("absolute", False)
    options |= {"img_size": pictures[1:], "num_classes": CLASSES}
    if name == "micro":
        options = {"pretrained_window_sizes": (0, 0, 0)} | options
        model = timm.models.swin_transformer_v2.SwinTransformerV2(**MICRO, **options)
    else:
        model = timm.create_model(name, **options)
    if absolute:
        model.patch_embed = Places(model.patch_embed, *model.patch_embed.grid_size, MICRO["embed_dim"])
    shapes = {plain(n): tuple(tensor.shape) for n, tensor in model.state_dict().items()}
    arrays = rule.state_dict(shapes)
    model.load_state_dict({n: torch.from_numpy(arrays[plain(n)]) for n in model.state_dict()})
    model.eval().double()
    with mock.patch.object(torch, "float32", torch.float64):
        for module in model.modules():
            if isinstance(module, timm.models.swin_transformer_v2.WindowAttention):
                module._init_buffers()
                assert module.relative_coords_table.dtype == torch.float64
    return model, shapes


def plain(name: str) -> str:
    """A tensor's name as Microsoft's and timm's files have it."""
    return name.replace("patch_embed.absolute_pos_embed", "absolute_pos_embed").replace(
        "patch_embed.embed.", "patch_embed."
    )
