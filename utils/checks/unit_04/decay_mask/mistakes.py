"""The mistakes that are made with `decay_mask`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "the other way round",
        says="the other way round",
        code="""
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key in ("bias", "scale"), params)
""",
    ),
    Wrong(
        "forgets the scales",
        says="the scales decay",
        code="""
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key != "bias", params)
""",
    ),
    Wrong(
        "forgets the biases",
        says="the biases decay",
        code="""
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key != "scale", params)
""",
    ),
    Wrong(
        "looks for the letters in the whole path",
        says="letters somewhere in the path",
        code="""
def decay_mask(params):
    def decays(path, leaf):
        name = jax.tree_util.keystr(path)
        return "bias" not in name and "scale" not in name
    return jax.tree_util.tree_map_with_path(decays, params)
""",
    ),
    Wrong(
        "looks for the letters in the leaf's name",
        says="`scale_table`",
        code="""
def decay_mask(params):
    def decays(path, leaf):
        return "bias" not in path[-1].key and "scale" not in path[-1].key
    return jax.tree_util.tree_map_with_path(decays, params)
""",
    ),
    Wrong(
        "counts axes",
        says="number of axes",
        code="""
def decay_mask(params):
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
""",
    ),
    Wrong(
        "kernels only",
        says="only what is called `kernel`",
        code="""
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key == "kernel", params)
""",
    ),
    Wrong(
        "compares the key, not its name",
        says="`.key` of the last entry",
        code="""
def decay_mask(params):
    names = ("bias", "scale")
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1] not in names and bool(path), params)
""",
    ),
    Wrong(
        "looks only two levels deep",
        says="any depth",
        code="""
def decay_mask(params):
    return {layer: {name: name not in ("bias", "scale") for name in leaves} for layer, leaves in params.items()}
""",
    ),
    Wrong(
        "a flat dictionary",
        says="flat dictionary",
        code="""
def decay_mask(params):
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path): path[-1].key not in ("bias", "scale") for path, _ in leaves}
""",
    ),
    Wrong(
        "multiplies the weights by the mask",
        says="arrays in it",
        code="""
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf * (path[-1].key not in ("bias", "scale")), params)
""",
    ),
)
