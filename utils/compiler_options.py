"""XLA's options for one function, chosen for two kinds of programs on a CPU.

    step = jax.jit(step, compiler_options=compiler_options.supported(compiler_options.TRAINING))

On a CPU, XLA hands convolutions and products to libraries: YNN, oneDNN, or loops of its own. Which one is an option of
the compiler, and `jax.jit` takes options for a single function: nothing else in the process changes.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata

import jax

Options = dict[str, bool | int | str]

TRAINING: Options = {
    "xla_cpu_use_onednn": True,  # convolutions and products by oneDNN, which is made for a CPU's vector units
    "xla_cpu_experimental_onednn_custom_call": True,  # as one call each, without which the first has no effect
    # sums stay with YNN, which is faster at those of BatchNorm and of biases
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
}
# nothing to YNN: without a gradient there are few sums
EVALUATION: Options = TRAINING | {"xla_cpu_experimental_ynn_fusion_type": ""}


def supported(options: Options) -> Options:
    """Those of the options that this process's backend and jaxlib take; what is left out is said once, in a line.

    Args:
        options: names of XLA's debug options and their values, such as `TRAINING`.

    Returns:
        For `jax.jit(..., compiler_options=...)`: the same or fewer; none on another backend than a CPU.
    """
    backend = jax.default_backend()
    if backend != "cpu":
        _say(f"Compiler options left out: they are for a CPU, and JAX computes on {backend}.")
        return {}
    taken = {name: value for name, value in options.items() if _takes(name, value)}
    if missing := sorted(options.keys() - taken.keys()):
        _say(f"Compiler options left out: jaxlib {metadata.version('jaxlib')} does not take {', '.join(missing)}.")
    return taken


@cache
def _takes(name: str, value: bool | int | str) -> bool:
    """Whether a function compiles with the option."""
    try:
        jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


@cache
def _say(line: str) -> None:
    """Print a line, the first time it is said."""
    print(line)
