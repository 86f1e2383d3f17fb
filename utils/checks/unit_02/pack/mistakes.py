"""The mistakes that are made with `pack`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "tuples for names",
        says="names are tuples",
        code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
    ),
    Wrong(
        "keeps the outermost name",
        says='begin with "params/"',
        code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
    ),
    Wrong(
        "dots for slashes",
        says='joined by "."',
        code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep=".")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}
""",
    ),
    Wrong(
        "leaves JAX arrays in it",
        says="still a JAX array",
        code="""
def pack(params):
    return flax.traverse_util.flatten_dict(params["params"], sep="/")
""",
    ),
    Wrong(
        "only the last name",
        says="names collide",
        code="""
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {name[-1]: np.asarray(leaf) for name, leaf in flat.items()}
""",
    ),
    Wrong(
        "two levels, no more",
        says="only two levels deep",
        code="""
def pack(params):
    return {f"{layer}/{name}": np.asarray(leaf) for layer, leaves in params["params"].items() for name, leaf in leaves.items()}
""",
    ),
    Wrong(
        "returns the tree as it is",
        says="still nested",
        code="""
def pack(params):
    return jax.tree.map(np.asarray, params["params"])
""",
    ),
)
