"""The same models in PyTorch: eager, or through `torch.compile`. ResNet18 and Swin v2 are timm's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from utils.races import reference
from utils.races.catalogue import Race
from utils.races.run import Entrant


def cnn(race: Race) -> nn.Module:
    """The CNN of unit 02."""
    height, width, channels = race.image
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (height // 4) * (width // 4), 256),
        nn.ReLU(),
        nn.Linear(256, race.classes),
        nn.LogSoftmax(dim=1),
    )


def vgg8(race: Race) -> nn.Module:
    """VGG8 of unit 03, without dropout."""
    width, channels = race.options["width"], race.image[2]
    layers: list[nn.Module] = []
    for factor in (1, 2, 4):
        for _ in range(2):
            layers += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
            channels = factor * width
        layers.append(nn.MaxPool2d(2))
    flat = channels * (race.image[0] // 8) * (race.image[1] // 8)
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(flat, 4 * width), nn.ReLU(), nn.Linear(4 * width, race.classes)
    )


def resnet18(race: Race) -> nn.Module:
    """ResNet18, timm's."""
    return reference.timm().create_model("resnet18", num_classes=race.classes)


def swin(race: Race) -> nn.Module:
    """Swin v2, timm's, in the sizes of unit 05's."""
    from utils.races.entrants_jax import swin_module  # late: JAX would be in the other models' processes

    ours = swin_module(race)
    return reference.timm().models.swin_transformer_v2.SwinTransformerV2(
        img_size=race.image[0],
        patch_size=ours.patch,
        num_classes=race.classes,
        embed_dim=ours.width,
        depths=ours.depths,
        num_heads=ours.heads,
        window_size=ours.window,
        drop_path_rate=0.0,
    )


MODELS = {"cnn": cnn, "vgg8": vgg8, "resnet18": resnet18, "swin": swin}
OPTIMISERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.05),
}


def build(race: Race, variant: str) -> Entrant:
    """The race's model, training step and evaluation."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True  # every shape comes again and again
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = MODELS[race.model](race).to(device)
    optimiser = OPTIMISERS[race.optimiser](model.parameters())
    parameters = sum(p.numel() for p in model.parameters())
    forward: Any = torch.compile(model) if variant == "compiled" else model
    half = race.precision == "bfloat16"

    def loss_of(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = forward(images)
        return F.cross_entropy(logits.float(), labels)

    def train(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        model.train()
        optimiser.zero_grad()
        loss = loss_of(*batch)
        loss.backward()
        optimiser.step()
        return loss.detach()

    def evaluate(batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        model.eval()
        with torch.no_grad():
            return loss_of(*batch)

    def put(images: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        channels_first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # [B, C, H, W]
        return torch.from_numpy(channels_first).to(device), torch.from_numpy(labels.astype(np.int64)).to(device)

    def wait(losses: list[torch.Tensor]) -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return float(torch.stack(losses).mean())

    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return Entrant(parameters, name, put, train, evaluate, wait)
