"""The check of `train_step` and its hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise
from utils.data import Batch

_PAIRS = "With `has_aux=True`, `jax.value_and_grad` returns ((loss, what comes along), gradients)."


class _Net(nn.Module):
    """Two dense layers, BatchNorm between them: logits [B, 3] of [B, …]."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = nn.Dense(5)(x.reshape((len(x), -1)))
        return nn.Dense(3)(nn.BatchNorm(use_running_average=not train, momentum=0.8)(x))


@exercise(
    stars=3,
    minutes=15,
    points=3,
    hints=(
        "Write `loss_fn(params)` inside the step, where it sees `state` and `batch`. It returns two things: the loss, which is "
        "differentiated, and the new statistics, which only come along.",
        "`(loss, batch_stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)`. What `apply_fn` changed is "
        '`{"batch_stats": …}`: take the entry out.',
        "`state.apply_gradients(grads=gradients, batch_stats=batch_stats)` replaces weights, optimiser state, count and "
        "statistics in one go.",
    ),
)
def train_step(answer: Any, reference: Any) -> None:
    """One step that carries running statistics."""
    images = jnp.asarray(np.random.default_rng(3).normal(2, 3, (4, 2, 2, 1)), jnp.float32)
    batch = Batch(images, jnp.array([2, 0, 1, 0], jnp.int32), jnp.ones(4, bool))
    net = _Net()
    state = _state(net, images, reference.__globals__["TrainState"])
    _looks_right(answer, state, batch)
    probes.same_shapes(answer, reference, state, batch)
    got = probes.call(answer, state, batch)
    new, loss = known("want", lambda: reference(state, batch), like=(state, jnp.zeros(())))
    after = new.replace(batch_stats=state.batch_stats)
    later = known("loss after the step", lambda: reference(after, batch)[1])
    if probes.agrees(got, (new, loss), 1e-4, 1e-5):
        return probes.jits(answer, state, batch)
    probes.close(
        got,
        (new, loss),
        mistakes=_mistakes(net, state, batch, (new, loss), later),
        because="Compare with the three points above, one after the other.",
        rtol=1e-4,
        atol=1e-5,
    )


def _mistakes(net: nn.Module, state: Any, batch: Batch, right: tuple[Any, Any], later: Any) -> dict[str, Any]:
    """What is told of a wrong step, with what it returns; `later` is the loss after a right one."""
    new, loss = right

    def stepped(mean: Callable[..., Any] = jnp.mean, train: bool = True, sign: float = 1.0) -> Any:
        """What the step gives with another loss, or in the other mode."""

        def loss_fn(params: Any) -> Any:
            logits, changes = net.apply(
                {"params": params, "batch_stats": state.batch_stats}, batch.image, train, mutable=True
            )
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
            return mean(losses), changes["batch_stats"]

        (value, stats), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        gradients = jax.tree.map(lambda g: sign * g, gradients)
        return state.apply_gradients(grads=gradients, batch_stats=stats), value

    def looked(stats: Any) -> Any:
        """The statistics after one more look at the batch, with the new weights."""
        return net.apply({"params": new.params, "batch_stats": stats}, batch.image, True, mutable=["batch_stats"])[1][
            "batch_stats"
        ]

    return {
        "The new running statistics are lost: `apply_gradients(grads=…, batch_stats=…)` replaces them too.": (
            new.replace(batch_stats=state.batch_stats),
            loss,
        ),
        "The network runs with `train=False`: it normalises by the running statistics, and they never move.": stepped(
            train=False
        ),
        "The loss is the sum of the losses; their mean is wanted.": stepped(jnp.sum),
        "The running statistics come from a second pass. They are computed on the way to the loss: hand them out by "
        "`has_aux`.": (new.replace(batch_stats=looked(new.batch_stats)), loss),
        "The loss it returns was computed after the step. `jax.value_and_grad` gives the one before, at no cost.": (
            new,
            later,
        ),
        "All is right, but the step is not counted. `apply_gradients` counts; by hand it is `step=state.step + 1`.": (
            new.replace(step=state.step),
            loss,
        ),
        "The statistics move, but after the step the weights did not change: `state.apply_gradients`.": (
            new.replace(params=state.params, opt_state=state.opt_state),
            loss,
        ),
        "It returns the optimiser's old state, so its averages never move.": (
            new.replace(opt_state=state.opt_state),
            loss,
        ),
        "It climbs: the loss gets larger. Hand the gradient over as it is.": stepped(sign=-1.0),
    }


def _state(net: nn.Module, images: jax.Array, kind: Any) -> Any:
    """A state as after some steps: the optimiser's averages are not zero."""
    draw = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), images, train=False))
    variables = jax.tree.map(lambda leaf: jnp.asarray(draw.uniform(0.2, 1.5, leaf.shape), jnp.float32), shapes)
    apply_fn = _helpful(net.apply)
    state = kind.create(apply_fn=apply_fn, tx=_strict(optax.sgd(0.1, momentum=0.9)), **variables)
    averages = jax.tree.map(lambda leaf: 0.1 * jnp.ones_like(leaf), state.opt_state)
    return state.replace(step=jnp.int32(3), opt_state=averages)


def _helpful(apply: Callable[..., Any]) -> Callable[..., Any]:
    """`Module.apply` that says what a call lacks. Flax says so too, in more words."""

    def apply_fn(variables: Any, *args: Any, **settings: Any) -> Any:
        if not (isinstance(variables, dict) and "params" in variables):
            probes.fail('`apply_fn` takes the variables first: `{"params": …, "batch_stats": …}`.')
        if "batch_stats" not in variables:
            probes.fail(
                "The network wants its running statistics too: the collection `batch_stats` beside `params`, in the dictionary "
                "that comes first."
            )
        if not args:
            probes.fail("`apply_fn` takes the images after the variables.")
        if "train" not in settings and len(args) < 2:
            probes.fail("`apply_fn` has to be told `train=True`.")
        if not settings.get("mutable"):
            probes.fail(
                "A pass in training changes the running statistics, and a pure function has to return what it changes: "
                '`mutable=["batch_stats"]`. `apply_fn` then returns a pair.'
            )
        return apply(variables, *args, **settings)

    return apply_fn


def _strict(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimiser; it says so when what it gets is not a gradient."""

    def update(gradients: Any, opt_state: Any, params: Any = None) -> Any:
        found: Any = jax.tree.structure(gradients)
        if found != jax.tree.structure(params):
            probes.fail(f"What is handed to `apply_gradients` is not a tree like the weights. {_PAIRS}")
        return tx.update(gradients, opt_state, params)

    return optax.GradientTransformation(tx.init, update)


def _looks_right(answer: Any, state: Any, batch: Batch) -> None:
    """Say what the shape of the result tells."""

    def traced(state: Any, batch: Batch) -> float:
        try:
            result = answer(state, batch)
        except TypeError as error:
            if "scalar-output" in str(error):
                probes.fail(
                    "`loss_fn` returns a pair, the loss and what only comes along. `jax.value_and_grad` must be told: `has_aux=True`."
                )
            raise
        except ValueError as error:
            if "values to unpack" in str(error):
                probes.fail(f"It unpacks something else than what is there. {_PAIRS}")
            raise
        if isinstance(result, type(state)):
            probes.fail("It returns the state alone; a pair is wanted: the new state and the loss.")
        new = result[0] if isinstance(result, tuple) and result else None
        stats = getattr(new, "batch_stats", None)
        if isinstance(stats, dict) and set(stats) == {"batch_stats"}:
            probes.fail(
                'The new statistics lie one level too deep: what `apply_fn` changed is `{"batch_stats": …}`; keep what is inside.'
            )
        return 0.0

    jax.eval_shape(traced, state, batch)
