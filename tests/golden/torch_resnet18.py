"""What PyTorch's ResNet18 computes. Needs torch, timm and torchvision, and is run by `make.py` only."""

from __future__ import annotations

from typing import Any

import numpy as np
import rule
import timm
import torch
import torchvision

CLASSES = 10
# name of the pictures → (batch, height, width); 97 and 80×112: odd maps and maps that are not square
PICTURES = {"96": (4, 96, 96), "97": (4, 97, 97), "80x112": (4, 80, 112), "128": (4, 128, 128), "224": (2, 224, 224)}
TRAINING = ("96", "97", "80x112", "128")


def values() -> dict[str, Any]:
    """Names and shapes of the weights, and for each kind of pictures the logits in both modes.

    In training mode also, for each BatchNorm, the sums of the running statistics after one forward pass, and the
    gradient of the mean cross-entropy (of the labels 0, 1, 2 …): for each tensor its norm and its product with
    `rule.uniform`.
    """
    model = timm.create_model("resnet18", num_classes=CLASSES)
    other = torchvision.models.resnet18(num_classes=CLASSES)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in other.state_dict().items()}
    golden: dict[str, Any] = {
        "made with": {"torch": torch.__version__, "timm": timm.__version__, "torchvision": torchvision.__version__},
        "shapes": shapes,
        "pictures": PICTURES,
        "evaluation": {},
        "training": {},
    }
    for name, size in PICTURES.items():
        images = torch.from_numpy(rule.images(name, *size).transpose(0, 3, 1, 2).copy())
        golden["evaluation"][name] = _same(*(_logits(fill(net).eval(), images) for net in (model, other)))
        if name in TRAINING:
            golden["training"][name] = _training(fill(model).train(), images)
            _same(golden["training"][name]["logits"], _logits(fill(other).train(), images))
    return golden


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """The same model with every tensor by the rule."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(a) for name, a in rule.state_dict(shapes).items()})
    return model


def _logits(model: torch.nn.Module, images: torch.Tensor) -> list[list[float]]:
    with torch.no_grad():
        return _short(model(images))


def _training(model: torch.nn.Module, images: torch.Tensor) -> dict[str, Any]:
    model.zero_grad()
    logits = model(images)
    torch.nn.functional.cross_entropy(logits, torch.arange(len(images)) % CLASSES).backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    return {
        "logits": _short(logits),
        "running": {n: _short(t.sum()) for n, t in model.state_dict().items() if "running" in n},
        "gradients": {name: summary(name, gradient) for name, gradient in gradients.items()},
    }


def summary(name: str, gradient: np.ndarray) -> list[float]:
    """Two numbers that say much about an array: its norm, and its product with fixed numbers."""
    gradient = gradient.astype(np.float64)
    fixed = rule.uniform(f"gradient/{name}", gradient.shape)
    return [_short(np.linalg.norm(gradient)), _short(np.sum(gradient * fixed))]


def _short(numbers: Any) -> Any:
    """Numbers with nine digits, which is all that float32 has, in nested lists."""
    if isinstance(numbers, list):
        return [_short(number) for number in numbers]
    if isinstance(numbers, float):
        return float(f"{numbers:.9g}")
    return _short(numbers.tolist())


def _same(logits: Any, others: Any) -> Any:
    """`logits`, if timm and torchvision agree on them."""
    np.testing.assert_allclose(logits, others, atol=1e-6)
    return logits
