# %% right: jit, lower, compile
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% right: in three lines, a tuple of arguments to donate
def compile_step(step, state_spec, batch_spec):
    jitted = jax.jit(step, donate_argnums=(0,))
    lowered = jitted.lower(state_spec, batch_spec)
    return lowered.compile()


# %% right: a decorated function inside, donated by name
from functools import partial


def compile_step(step, state_spec, batch_spec):
    @partial(jax.jit, donate_argnames="state")
    def program(state, batch):
        return step(state, batch)

    return program.lower(state_spec, batch_spec).compile()


# %% right: traced first
def compile_step(step, state_spec, batch_spec):
    traced = jax.jit(step, donate_argnums=0).trace(state_spec, batch_spec)
    return traced.lower().compile()


# %% right: a lambda around the step
def compile_step(step, state_spec, batch_spec):
    return jax.jit(lambda state, batch: step(state, batch), donate_argnums=[0]).lower(state_spec, batch_spec).compile()


# %% right: an object with `__call__`
from functools import partial


class Compiler:
    def __init__(self, **options):
        self.jit = partial(jax.jit, **options)

    def __call__(self, step, state_spec, batch_spec):
        return self.jit(step).lower(*(state_spec, batch_spec)).compile()


compile_step = Compiler(donate_argnums=(0,))


# %% right: descriptions made anew from shape and dtype
def described(tree):
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def compile_step(step, state_spec, batch_spec):
    specs = described((state_spec, batch_spec))
    return jax.jit(step, donate_argnums=0).lower(*specs).compile()


# %% right: walrus, and a check of the result
def compile_step(step, state_spec, batch_spec):
    lower = jax.jit(step, donate_argnums=0).lower
    if not isinstance(program := lower(state_spec, batch_spec).compile(), jax.stages.Compiled):
        raise TypeError("not compiled")
    return program


# %% right: `partial` of `jit` as a name of its own
import functools

donating = functools.partial(jax.jit, donate_argnums=(0,), keep_unused=True)


def compile_step(step, state_spec, batch_spec):
    return donating(step).lower(state_spec, batch_spec).compile()


# %% right: the name of the first argument is looked up
import inspect


def compile_step(step, state_spec, batch_spec, *more_specs):
    def program(old, *batch):
        return step(old, *batch)

    first = next(iter(inspect.signature(program).parameters))
    return jax.jit(program, donate_argnames=(first,)).lower(state_spec, batch_spec, *more_specs).compile()


# %% right: the arguments of the step named by a wrapper, compiler options given
def compile_step(step, state_spec, batch_spec):
    def named(state, batch):
        new_state, loss = step(state, batch)
        return new_state, loss

    lowered = jax.jit(named, donate_argnums=0, donate_argnames=None, static_argnums=()).lower(state_spec, batch_spec)
    return lowered.compile(compiler_options={})


# %% right: a step that is jitted already is jitted again
def compile_step(step, state_spec, batch_spec):
    inner = jax.jit(step)
    outer = jax.jit(inner, donate_argnums=0)
    return outer.lower(state_spec, batch_spec).compile()


# %% wrong: nothing is donated
# cause: donate_argnums is missing, so the program may not use the old state's memory
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step).lower(state_spec, batch_spec).compile()


# %% wrong: both are donated
# cause: the batch is donated too; it must not be given away
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=(0, 1)).lower(state_spec, batch_spec).compile()


# %% wrong: the batch is donated
# cause: argument 1 is the batch; the state, argument 0, is to be donated
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=1).lower(state_spec, batch_spec).compile()


# %% wrong: donation inside only
# cause: the inner jit donates, the outer one, which is compiled, does not: an inner donation has no effect
def compile_step(step, state_spec, batch_spec):
    return jax.jit(jax.jit(step, donate_argnums=0)).lower(state_spec, batch_spec).compile()


# %% wrong: a jitted function
# cause: jit alone compiles at the first call; lower and compile are missing
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0)


# %% wrong: lowered, not compiled
# cause: lower gives the program's text; .compile() is missing
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)


# %% wrong: traced only
# cause: trace gives the jaxpr; lower and compile are missing
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).trace(state_spec, batch_spec)


# %% wrong: `eval_shape`
# cause: eval_shape gives the shapes of the results and no program
def compile_step(step, state_spec, batch_spec):
    return jax.eval_shape(step, state_spec, batch_spec)


# %% wrong: warmed up with zeros
# cause: the jitted function is called once on zeros and returned: a jitted function, not a jax.stages.Compiled
def compile_step(step, state_spec, batch_spec):
    jitted = jax.jit(step, donate_argnums=0)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), (state_spec, batch_spec))
    jax.block_until_ready(jitted(*zeros))
    return jitted


# %% wrong: compiled, and then only called through a function
# cause: a Python function around the program is returned; it is no jax.stages.Compiled and says nothing of its memory
def compile_step(step, state_spec, batch_spec):
    program = jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
    return lambda state, batch: program(state, batch)


# %% wrong: program and lowered text as a pair
# cause: a tuple of the lowered and the compiled program is returned; one compiled program is asked for
def compile_step(step, state_spec, batch_spec):
    lowered = jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec)
    return lowered, lowered.compile()


# %% wrong: compiled for a batch of one
# cause: the program is compiled for one example, as in the warm-up of the introduction, and refuses whole batches
def compile_step(step, state_spec, batch_spec):
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), batch_spec)
    return jax.jit(step, donate_argnums=0).lower(state_spec, one).compile()


# %% wrong: always 64 examples
# cause: the batch size 64 is built in, whatever batch_spec says
def compile_step(step, state_spec, batch_spec):
    spec = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((64,) + leaf.shape[1:], leaf.dtype), batch_spec)
    return jax.jit(step, donate_argnums=0).lower(state_spec, spec).compile()


# %% wrong: only the new state
# cause: the program returns the new state without the loss; it must return what step returns
def compile_step(step, state_spec, batch_spec):
    return jax.jit(lambda state, batch: step(state, batch)[0], donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: only the loss
# cause: the program returns the loss and throws the new state away
def compile_step(step, state_spec, batch_spec):
    return jax.jit(lambda state, batch: step(state, batch)[1], donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: loss first
# cause: the program swaps the step's results; it must return them in the step's order
def compile_step(step, state_spec, batch_spec):
    def swapped(state, batch):
        state, loss = step(state, batch)
        return loss, state

    return jax.jit(swapped, donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: one argument, a pair
# cause: the program takes one pair instead of two arguments, and the batch in it is donated with the state
def compile_step(step, state_spec, batch_spec):
    return jax.jit(lambda pair: step(*pair), donate_argnums=0).lower((state_spec, batch_spec)).compile()


# %% wrong: the first program for ever
# cause: the first program is kept under one name and handed out for every other step and shape too
programs = {}


def compile_step(step, state_spec, batch_spec):
    if "program" not in programs:
        programs["program"] = jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile()
    return programs["program"]


# %% wrong: exported
# cause: jax.export makes a portable text of the program, which is not a jax.stages.Compiled
from jax import export


def compile_step(step, state_spec, batch_spec):
    return export.export(jax.jit(step, donate_argnums=0))(state_spec, batch_spec)


# %% wrong: two steps in one
# cause: the program takes two steps on the same batch; it must be the program of one step
def compile_step(step, state_spec, batch_spec):
    def twice(state, batch):
        state, _ = step(state, batch)
        return step(state, batch)

    return jax.jit(twice, donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: the batch is closed over
# cause: a batch of zeros is built into the program, and the batch that is given is not used
def compile_step(step, state_spec, batch_spec):
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), batch_spec)
    return jax.jit(lambda state, batch: step(state, zeros), donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: `jax.make_jaxpr`
# cause: make_jaxpr shows what JAX traced; nothing is compiled
def compile_step(step, state_spec, batch_spec):
    return jax.make_jaxpr(step)(state_spec, batch_spec)


# %% wrong: the description taken for data
# cause: jit's function is called on descriptions, which are no arrays; they belong into lower
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0)(state_spec, batch_spec)


# %% wrong: the old state comes back
# cause: the program returns the state it was given with the loss; the new state is thrown away
def compile_step(step, state_spec, batch_spec):
    def program(state, batch):
        _, loss = step(state, batch)
        return state, loss

    return jax.jit(program, donate_argnums=0).lower(state_spec, batch_spec).compile()


# %% wrong: both donated by name
# cause: donate_argnames lists the batch beside the state; the batch is not to be given away
def compile_step(step, state_spec, batch_spec):
    def program(state, batch):
        return step(state, batch)

    return jax.jit(program, donate_argnames=("state", "batch")).lower(state_spec, batch_spec).compile()


# %% wrong: the compiled text
# cause: as_text() gives the program's text as a string; the program itself is asked for
def compile_step(step, state_spec, batch_spec):
    return jax.jit(step, donate_argnums=0).lower(state_spec, batch_spec).compile().as_text()


# %% right: wrapper whose first argument is donated by name
def compile_step(step, state_spec, batch_spec):
    def program(state, batch):
        return step(state, batch)

    return jax.jit(program, donate_argnames=("state",)).lower(state_spec, batch_spec).compile()


# %% right: partial of jit, then trace, lower and compile
from functools import partial


def compile_step(step, state_spec, batch_spec):
    donating = partial(jax.jit, donate_argnums=(0,))
    traced = donating(step).trace(state_spec, batch_spec)
    return traced.lower().compile()


# %% right: trace, lower and compile, one after the other, around a function of any arguments
def compile_step(step, state_spec, batch_spec):
    def whole(*both):
        return step(*both)

    traced = jax.jit(whole, donate_argnums=(0,)).trace(state_spec, batch_spec)
    return traced.lower().compile()


# %% wrong: a step that is under jit already is lowered as it is (a jitted step: nothing is donated)
def compile_step(step, state_spec, batch_spec):
    jitted = step if hasattr(step, "lower") else jax.jit(step, donate_argnums=0)
    return jitted.lower(state_spec, batch_spec).compile()
