"""Milliseconds of convolutions on a CPU, forward and backward, with each of XLA's libraries. Needs jax and numpy.

Inside the course it also times the course's own gradient, and PyTorch where that is installed (first, since XLA's
threads wait busily for a while). Medians of up to 30 calls.
"""

import sys
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jax import lax

LAYERS = {  # network and batch: side of the map, channels in, out; kernel, stride, padding (3, 1, 1 where not said)
    "CNN 64": "28 1 32, 14 32 64",
    "VGG8 64": "32 3 32, 32 32 32, 16 32 64, 16 64 64, 8 64 128, 8 128 128",
    "ResNet18 32": "96 3 64 7 2 3, 24 64 64, 24 64 128 3 2 1, 24 64 128 1 2 0, 12 128 128, 12 128 256 3 2 1, "
    "6 256 256, 6 256 512 3 2 1, 3 512 512",
    "Swin 32": "128 3 32 4 4 0",
}
YNN, ONEDNN = "xla_cpu_experimental_ynn_fusion_type", "xla_cpu_experimental_onednn_custom_call"
ONEDNN_AND_YNN = {"xla_cpu_use_onednn": True, ONEDNN: True, YNN: "LIBRARY_FUSION_TYPE_REDUCE"}
OPTIONS = {"default": {}, "no YNN": {YNN: ""}, "oneDNN": ONEDNN_AND_YNN}
LAYOUT, TORCH = ("NHWC", "HWIO", "NHWC"), ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))


def median_ms(call):
    call()
    times, end = [], time.perf_counter() + 0.1
    while len(times) < 3 or (len(times) < 30 and time.perf_counter() < end):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1000 * float(np.median(times))


def of_torch(torch, stride, padding, *arrays):
    x, kernel, dy = (torch.from_numpy(one.transpose(axes).copy()) for one, axes in zip(arrays, TORCH, strict=True))
    rest = (None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1)
    yield median_ms(lambda: torch.nn.functional.conv2d(x, kernel, None, stride, padding))
    for mask in ([True, False, False], [False, True, False]):
        yield median_ms(lambda mask=mask: torch.ops.aten.convolution_backward(dy, x, kernel, *rest, mask))


def of_jax(convolve, options, stride, padding, *arrays):
    arrays = jax.device_put(arrays)
    y = partial(convolve, window_strides=(stride,) * 2, padding=[(padding,) * 2] * 2, dimension_numbers=LAYOUT)
    for which in (None, 0, 1):  # forward, by the maps, by the kernel
        f = lambda x, k, dy, at=which: y(x, k) if at is None else jax.vjp(y, x, k)[1](dy)[at]  # noqa: E731
        compiled = jax.jit(f, compiler_options=options)
        yield median_ms(lambda compiled=compiled: jax.block_until_ready(compiled(*arrays)))


def case(network, side, channels, features, k=3, stride=1, padding=1):
    name, batch = network.split()[0], int(network.split()[1])
    out, rng = (side + 2 * padding - k) // stride + 1, np.random.default_rng(0)
    shapes = (batch, side, side, channels), (k, k, channels, features), (batch, out, out, features)
    title = f"{name} {batch}×{side}×{side}×{channels} → {features}, {k}×{k}, stride {stride}"
    return title, (stride, padding, *(rng.standard_normal(shape, np.float32) for shape in shapes))


cases = [case(name, *map(int, one.split())) for name, all_ in LAYERS.items() for one in all_.split(",")]
ways, told = {f"lax, {name}": (lax.conv_general_dilated, options) for name, options in OPTIONS.items()}, {}
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
for library in ("torch", "utils.convolution"):
    try:
        module = __import__(library, fromlist=["_"])
    except ImportError:
        continue
    if library == "torch":
        told["PyTorch"] = [list(of_torch(module, *inputs)) for _, inputs in cases]
    else:
        ways |= {f"own, {name}": (module.conv_general_dilated, OPTIONS[name]) for name in ("default", "oneDNN")}
print(f"jax {jax.__version__}; milliseconds: forward / gradient by the maps / by the kernel\n")
print(f"| layer | {' | '.join([*ways, *told])} |\n{'|---' * (1 + len(ways) + len(told))}|")
for number, (title, inputs) in enumerate(cases):
    times = [list(of_jax(*way, *inputs)) for way in ways.values()] + [every[number] for every in told.values()]
    print(f"| {title} | {' | '.join(' / '.join(f'{one:.1f}' for one in three) for three in times)} |", flush=True)
