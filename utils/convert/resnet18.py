"""ResNet18: torchvision's and timm's `resnet18` (they share their names) and the model of unit 04.

In Flax a block is `layer2_0`, its convolutions `conv1` and `conv2`, its normalisations `bn1` and `bn2`, its projection
`downsample_conv` and `downsample_bn`. Learnt numbers are in "params", running statistics in "batch_stats".
"""

from __future__ import annotations

from utils.convert.rules import CONV, DENSE, Rule, Rules


def _norm(torch: str, flax: str) -> list[Rule]:
    """The four tensors of a BatchNorm."""
    return [
        Rule(f"{torch}.weight", f"params/{flax}/scale"),
        Rule(f"{torch}.bias", f"params/{flax}/bias"),
        Rule(f"{torch}.running_mean", f"batch_stats/{flax}/mean"),
        Rule(f"{torch}.running_var", f"batch_stats/{flax}/var"),
    ]


BLOCK = ("layer{stage}.{block}", "layer{stage}_{block}")

RULES = Rules(
    "ResNet18",
    [
        Rule("conv1.weight", "params/conv1/kernel", CONV),
        *_norm("bn1", "bn1"),
        Rule(f"{BLOCK[0]}.conv{{i}}.weight", f"params/{BLOCK[1]}/conv{{i}}/kernel", CONV),
        *_norm(f"{BLOCK[0]}.bn{{i}}", f"{BLOCK[1]}/bn{{i}}"),
        Rule(f"{BLOCK[0]}.downsample.0.weight", f"params/{BLOCK[1]}/downsample_conv/kernel", CONV),
        *_norm(f"{BLOCK[0]}.downsample.1", f"{BLOCK[1]}/downsample_bn"),
        Rule("fc.weight", "params/fc/kernel", DENSE),
        Rule("fc.bias", "params/fc/bias"),
    ],
    drop=("*.num_batches_tracked",),
)
