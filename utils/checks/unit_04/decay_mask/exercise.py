"""The check of `decay_mask` and its hints."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from utils.checks import probes
from utils.checks.known import known
from utils.checks.registry import exercise


@exercise(
    stars=1,
    minutes=8,
    points=1,
    hints=(
        "One walk over the tree that sees the path of each leaf: `jax.tree_util.tree_map_with_path(f, params)`, where "
        "`f(path, leaf)` returns a bool.",
        "`path` is a tuple of keys, from the outside in; the leaf's own name is `path[-1].key`, a string. Compare it whole.",
        '`path[-1].key not in ("bias", "scale")`.',
    ),
)
def decay_mask(answer: Any, reference: Any) -> None:
    """Which weights decay."""
    params = {
        "conv1": {"kernel": jnp.ones((3, 3, 2, 4))},
        "bn1": {"scale": jnp.ones(4), "bias": jnp.zeros(4)},
        "upscale": {"kernel": jnp.ones((2, 2)), "bias": jnp.zeros(2)},
        "attention": {
            "query": {"kernel": jnp.ones((4, 2, 2)), "bias": jnp.zeros((2, 2))},
            "scale_table": jnp.ones((3, 2)),
            "temperature": jnp.ones(()),
        },
        "head": {"kernel": jnp.ones((4, 2)), "bias": jnp.zeros(2)},
    }
    got, want = probes.call(answer, params), known("want", lambda: reference(params))
    _is_a_tree_of_bools(got)
    probes.close(got, want, mistakes=_mistakes(params, want), because="Print the mask and look at that leaf.")
    with probes.doing("with shapes in place of arrays, as optax may ask"):
        shapes = jax.eval_shape(lambda: params)
        probes.close(answer(shapes), want)


def _is_a_tree_of_bools(got: Any) -> None:
    if isinstance(got, dict) and not any(isinstance(entry, dict) for entry in got.values()):
        probes.fail("It returns a flat dictionary; the structure of `params` is wanted, dictionaries in dictionaries.")
    if (
        isinstance(got, dict)
        and isinstance(got.get("attention"), dict)
        and isinstance(got["attention"].get("query"), bool)
    ):
        probes.fail("It looks two levels deep: `attention/query/kernel` has no entry. Parameters nest to any depth.")
    if any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(got)):
        probes.fail(
            "The mask has arrays in it. It says, for a whole leaf, whether it decays: a Python `True` or `False`."
        )


def _mistakes(params: Any, want: Any) -> dict[str, Any]:
    """What is told of a wrong mask, with this mask."""

    def by(rule: Any) -> Any:
        """The mask by another rule, of the names of a path and the leaf."""
        return jax.tree_util.tree_map_with_path(lambda path, leaf: rule([key.key for key in path], leaf), params)

    def letters(name: str) -> bool:
        return "bias" in name or "scale" in name

    return {
        "It is the other way round: True is where a weight *decays*.": jax.tree.map(lambda decays: not decays, want),
        "With this mask the scales decay. Leave them out too.": by(lambda names, _: names[-1] != "bias"),
        "With this mask the biases decay. Leave them out too.": by(lambda names, _: names[-1] != "scale"),
        "It looks for the letters somewhere in the path, so the kernel of the layer `upscale` does not decay. Compare the "
        "leaf's own name, whole.": by(lambda names, _: not letters("/".join(names))),
        "It looks for the letters in the name, so `scale_table` does not decay. Compare the whole name.": by(
            lambda names, _: not letters(names[-1])
        ),
        "It goes by the number of axes, so a bias with two axes decays. Go by the name.": by(
            lambda _, leaf: leaf.ndim > 1
        ),
        "It is True for only what is called `kernel`. Everything decays except `bias` and `scale`.": by(
            lambda names, _: names[-1] == "kernel"
        ),
        "It is True for every leaf. Is a key compared with a string? The name is the `.key` of the last entry of the path.": by(
            lambda *_: True
        ),
    }
