"""What PyTorch's ResNet18 computes, in float64. Needs torch, timm and torchvision, and is run by `make.py` only.

In float32 two right implementations differ by their rounding, and where a number is within rounding of zero, a ReLU
takes it for positive in one of them only: a gradient then differs in its third digit. In float64 that does not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import rule
import timm
import torch
import torchvision

CLASSES = 10
# name of the pictures → (batch, height, width)
EVALUATION = {"96": (4, 96, 96), "97x80": (2, 97, 80)}  # lesson 04 compares with the first
# 97, 225: odd maps; 80: padding "SAME" is another one there. The last picture is of squares: of many equal maxima the
# pooling must choose as PyTorch does.
TRAINING = {
    "97x80": (2, 97, 80),
    "97": (2, 97, 97),
    "128": (2, 128, 128),
    "224": (2, 224, 224),
    "225": (2, 225, 225),
}


def values() -> dict[str, Any]:
    """Names and shapes of the weights; logits in evaluation; and for a step of training what `_training` returns."""
    model = timm.create_model("resnet18", num_classes=CLASSES)
    other = torchvision.models.resnet18(num_classes=CLASSES)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in other.state_dict().items()}
    return {
        "made with": {"torch": torch.__version__, "timm": timm.__version__, "torchvision": torchvision.__version__},
        "shapes": shapes,
        "pictures": EVALUATION | TRAINING,
        "evaluation": {
            name: _same(*(digits(fill(net).eval()(tensor(rule.images(name, *size)))) for net in (model, other)))
            for name, size in EVALUATION.items()
        },
        "training": {
            name: _same(
                *(_training(fill(net).train(), rule.with_squares(rule.images(name, *size))) for net in (model, other))
            )
            for name, size in TRAINING.items()
        },
    }


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """The same model with every tensor by the rule, computing in float64."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: torch.from_numpy(a) for name, a in rule.state_dict(shapes).items()})
    return model.double()


def tensor(pictures: np.ndarray) -> torch.Tensor:
    """Pictures [B, H, W, 3] as PyTorch takes them, [B, 3, H, W], in float64."""
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).double()


def _training(model: torch.nn.Module, pictures: np.ndarray) -> dict[str, Any]:
    """What a step sees and changes: logits, loss, running statistics and gradients, of the latter two a summary each.

    The running variance is PyTorch's, the unbiased one. Counted among the gradients is that of the pictures.
    """
    made = step(model, tensor(pictures))
    running = {name: t.numpy() for name, t in model.state_dict().items() if "running" in name}
    return made | {"running": {name: digits(list(rule.summary(name, array))) for name, array in running.items()}}


def step(model: torch.nn.Module, images: torch.Tensor, called: Callable[[str], str] = str) -> dict[str, Any]:
    """Logits, the mean cross-entropy for the labels 0, 1, 2 …, and its gradients, that of the pictures among them.

    called: what a tensor's name is to be in the golden values.
    """
    model.zero_grad()
    images.requires_grad_()
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(images)) % CLASSES)
    loss.backward()
    gradients = {called(name): parameter.grad.numpy() for name, parameter in model.named_parameters()}
    gradients["images"] = images.grad.numpy().transpose(0, 2, 3, 1)
    return {
        "logits": digits(logits),
        "loss": digits(loss),
        "gradients": {name: digits(list(rule.summary(name, array))) for name, array in gradients.items()},
    }


def digits(numbers: Any) -> Any:
    """Numbers with fourteen digits, as many as do not depend on the machine, in nested lists."""
    if isinstance(numbers, list):
        return [digits(number) for number in numbers]
    if isinstance(numbers, float):
        return float(f"{numbers:.14g}")
    return digits(numbers.tolist())


def _same(ours: Any, others: Any) -> Any:
    """`ours`, if timm and torchvision agree on every number."""
    if isinstance(ours, dict):
        return {name: _same(value, others[name]) for name, value in ours.items()}
    np.testing.assert_allclose(ours, others, rtol=0, atol=1e-12 * (1 + np.abs(ours).max()))
    return ours
