"""What the tests share that compare a model with PyTorch's golden values."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

# for programs that run once: compiling them is most of the work
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def see_that_the_limit_is_a_hundred_times_the_rounding(limit, logits_of, images):
    """A limit of logits in float32: a hundred times what rounding gives, within a factor of 3, and less than bfloat16
    gives in its place. `logits_of` takes pictures and a dtype.
    """
    short, shorter = (logits_of(images, dtype) for dtype in (jnp.float32, jnp.bfloat16))
    with jax.enable_x64(True):
        exact = logits_of(images, jnp.float64)
    rounding, mistake = (np.abs(logits - exact).max() for logits in (short, shorter))
    print(f"float32 is off by {rounding:.1e}, bfloat16 by {mistake:.1e}")
    assert limit / 3 < 100 * rounding < 3 * limit < mistake
