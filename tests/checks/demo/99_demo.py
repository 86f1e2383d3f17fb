# %%
import jax.numpy as jnp


# %%
def average(x):
    """The mean of a vector."""
    # BEGIN SOLUTION
    return jnp.mean(x)
    # END SOLUTION


# %%
average = check.average(average)
