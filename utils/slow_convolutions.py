"""Find the convolutions that XLA computes slowly on a CPU.

A convolution multiplies and adds the numbers of a map and of a kernel, and it does not matter which is called which.
XLA makes use of that: where the kernel has more places than the map (3×3 on 2×2), it swaps the two, since fewer
multiplications are left. But the swapped form is none that a CPU library knows, so plain loops compute it, up to
a hundred times slower. The gradient with respect to a layer's input is a convolution of the *result's* gradient, so
with stride 2 the result's size counts, too.

    for found in slow_convolutions.slow(jax.grad(loss), params, images):
        print(found)

This asks about shapes alone: it traces the function and runs nothing. XLA's rule is `SwapConvOperands` of its algebraic
simplifier; tests compare what is said here with compiled programs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from utils.base import jaxprs


class Convolution(NamedTuple):
    """One convolution of a traced function, as XLA sees it."""

    where: str  # the modules it belongs to, such as "ResNet18/layer4_0/conv1"; "" where the function names none
    gradient: bool  # whether it was made by differentiation
    image: tuple[int, ...]  # places of the map: rows and columns, or whatever axes it has
    kernel: tuple[int, ...]  # places of the kernel
    channels: int  # of the map
    groups: int  # of channels or pictures, 1 in a plain convolution

    @property
    def swapped(self) -> bool:
        """Whether XLA swaps map and kernel, and so computes it slowly on a CPU."""
        return self.groups == 1 and math.prod(self.kernel) > math.prod(self.image)

    def __str__(self) -> str:
        kernel, image = ("×".join(map(str, sizes)) for sizes in (self.kernel, self.image))
        what = "gradient of " if self.gradient else ""
        return f"{what}{self.where or 'a convolution'}: kernel {kernel} on a map of {image}, {self.channels} channels"


def of(fn: Any, *args: Any) -> list[Convolution]:
    """Find all convolutions that a function does, those in loops and nested `jit`s once each.

    Args:
        fn: the function; give the *gradient* of a loss to see those of training.
        args: its arguments: arrays, or jax.ShapeDtypeStruct.

    Returns:
        The convolutions, in no particular order.
    """
    found = jaxprs.named(fn, *args)
    return [_described(equation, name) for equation, name in found if equation.primitive.name == "conv_general_dilated"]


def slow(fn: Any, *args: Any) -> list[Convolution]:
    """The convolutions of a function that a CPU computes slowly; none where all is well. Arguments as for `of`."""
    return [found for found in of(fn, *args) if found.swapped]


def _described(equation: Any, name: str) -> Convolution:
    image, kernel = (variable.aval.shape for variable in equation.invars)
    axes = equation.params["dimension_numbers"]
    # jvp(…) and transpose(…) tell that differentiation made it; the modules' names stand in and behind them
    modules = [part.rpartition("(")[2].rstrip(")") for part in name.split("/")]
    return Convolution(
        where="/".join(part for part in modules if part),
        gradient="transpose(" in name,
        image=tuple(image[axis] for axis in axes.lhs_spec[2:]),
        kernel=tuple(kernel[axis] for axis in axes.rhs_spec[2:]),
        channels=image[axes.lhs_spec[1]],
        groups=equation.params["feature_group_count"] * equation.params["batch_group_count"],
    )
