"""The mistakes that are made with `compile_step`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "only jits",
        says="nothing is compiled yet",
        code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0)
""",
    ),
    Wrong(
        "does not compile what it lowered",
        says="lowered but not compiled",
        code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)
""",
    ),
    Wrong(
        "lowers for a batch of one",
        says="a batch of 1",
        code="""
def compile_step(step, state_spec, batch_spec):
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), batch_spec)
    return jax.jit(step, donate_argnums=0).lower(state_spec, one).compile()
""",
    ),
    Wrong(
        "forgets to donate",
        says="nothing is donated",
        code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step).lower(state_spec, batch_spec).compile()
""",
    ),
    Wrong(
        "donates the batch",
        says="not the state",
        code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=1).lower(state_spec, batch_spec).compile()
""",
    ),
    Wrong(
        "donates both",
        says="the batch is donated too",
        code="""
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=(0, 1)).lower(state_spec, batch_spec).compile()
""",
    ),
    Wrong(
        "runs a step on zeros to warm up",
        says="a warm-up runs a step",
        code="""
def compile_step(step, state_spec, batch_spec):
    program = jax.jit(step, donate_argnums=0)
    program(*jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (state_spec, batch_spec)))
    return program
""",
    ),
    Wrong(
        "warms up with a batch of one before",
        says="traced 2 times",
        code="""
def compile_step(step, state_spec, batch_spec):
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), batch_spec)
    jax.jit(step).lower(state_spec, one).compile()
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
""",
    ),
    Wrong(
        "forgets the return",
        says="`None`",
        code="""
def compile_step(step, state_spec, batch_spec):
    jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
""",
    ),
)
