"""What PyTorch's Swin v2 computes. Needs torch and timm, and is run by `make.py` only.

In float64. The factor on the cosines reaches 100 here, and with it grow the rounding errors of float32: of two right
implementations each is 1e-5 and more from the truth.
"""

from __future__ import annotations

from typing import Any

import rule
import timm
import torch
from torch_resnet18 import CLASSES, _logits, summary

MICRO = {"embed_dim": 32, "depths": (2, 2, 2), "num_heads": (2, 4, 8)}
# name → timm's model, its options, pictures (batch, height, width), and whether gradients are kept
CASES: dict[str, tuple[str, dict[str, Any], tuple[int, int, int], bool]] = {
    "tiny, window 8, 256 px": ("swinv2_tiny_window8_256", {}, (1, 256, 256), True),
    "tiny, window 4, 128 px": ("swinv2_tiny_window8_256", {"window_size": 4}, (2, 128, 128), True),
    "micro": ("micro", {"window_size": 4}, (2, 64, 64), True),
    # maps of 18 × 10, 9 × 5 and 5 × 3 tokens: windows and mergings need padding, and h is not w
    "micro, padded": ("micro", {"window_size": 4}, (2, 72, 40), True),
    "micro, window 16 after 8": (
        "micro",
        {"window_size": 16, "pretrained_window_sizes": (8, 8, 4)},
        (1, 128, 128),
        False,
    ),
    # Microsoft's option, which timm left out: a vector for each place, added after the patch embedding
    "micro, absolute position": ("micro", {"window_size": 4, "absolute": True}, (2, 64, 64), True),
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
    """For each case the logits and, for some, the gradient of the mean cross-entropy (of the labels 0, 1, 2 …).

    Of each tensor's gradient its norm and its product with `rule.uniform`. Also names and shapes of the weights.
    """
    golden: dict[str, Any] = {
        "made with": {"torch": torch.__version__, "timm": timm.__version__},
        "shapes": {},
        "cases": {},
    }
    for case, (name, options, pictures, wanted) in CASES.items():
        model, shapes = build(name, options, pictures)
        golden["shapes"].setdefault(name, {n: s for n, s in shapes.items() if n != "absolute_pos_embed"})
        images = torch.from_numpy(rule.images(case, *pictures).transpose(0, 3, 1, 2).copy()).double()
        made = {"model": name, "pictures": pictures, "logits": _logits(model, images)}
        if wanted:
            torch.nn.functional.cross_entropy(model(images), torch.arange(len(images)) % CLASSES).backward()
            made["gradients"] = {plain(n): summary(plain(n), p.grad.numpy()) for n, p in model.named_parameters()}
        golden["cases"][case] = made
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
    return model.eval().double(), shapes


def plain(name: str) -> str:
    """A tensor's name as Microsoft's and timm's files have it."""
    return name.replace("patch_embed.absolute_pos_embed", "absolute_pos_embed").replace(
        "patch_embed.embed.", "patch_embed."
    )
