# %% right: tree_map_with_path
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key not in ("bias", "scale"), params)

# %% right: recursion in one comprehension
def decay_mask(params):
    return {k: decay_mask(v) if isinstance(v, dict) else k not in {"bias", "scale"} for k, v in params.items()}

# %% right: flatten_dict
from flax import traverse_util

def decay_mask(params):
    flat = traverse_util.flatten_dict(params, keep_empty_nodes=True)
    keep = {path: leaf if leaf is traverse_util.empty_node else path[-1] not in ("bias", "scale")
            for path, leaf in flat.items()}
    return traverse_util.unflatten_dict(keep)

# %% right: flattened with paths and put together again
def decay_mask(params):
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    return jax.tree.unflatten(structure, [path[-1].key != "bias" and path[-1].key != "scale" for path, _ in leaves])

# %% right: jax.tree.map_with_path and a named rule
def _decays(path, leaf):
    *_, last = path
    if last.key == "bias":
        return False
    return last.key != "scale"

def decay_mask(params):
    return jax.tree.map_with_path(_decays, params)

# %% right: keystr split at a separator
def decay_mask(params):
    def rule(path, leaf):
        name = jax.tree_util.keystr(path[-1:], simple=True)
        return name not in ["bias", "scale"]
    return jax.tree_util.tree_map_with_path(rule, params)

# %% right: a stack instead of recursion
def decay_mask(params):
    mask = {}
    todo = [(params, mask)]
    while todo:
        source, target = todo.pop()
        for name, value in source.items():
            if isinstance(value, dict):
                target[name] = {}
                todo.append((value, target[name]))
            else:
                target[name] = not (name == "bias" or name == "scale")
    return mask

# %% right: callable object with the names as a set
class _Mask:
    def __init__(self, *names):
        self.names = frozenset(names)
    def __call__(self, params):
        return jax.tree_util.tree_map_with_path(self.one, params)
    def one(self, path, leaf):
        return path[-1].key not in self.names

decay_mask = _Mask("bias", "scale")


# %% right: path_aware_map of flax
from flax.traverse_util import path_aware_map

def decay_mask(params):
    return path_aware_map(lambda path, _: path[-1] not in ("bias", "scale"), params)

# %% right: all True first, then a copy with False
def decay_mask(params):
    def walk(tree):
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value)
            elif name in ("bias", "scale"):
                tree[name] = False
        return tree
    return walk(jax.tree.map(lambda _: True, params))

# %% right: partial of tree_map, match
def _rule(path, _):
    match path[-1].key:
        case "bias" | "scale":
            return False
        case _:
            return True

decay_mask = partial(jax.tree_util.tree_map_with_path, _rule)


# %% right: DictKey compared as such, further argument with a default
def decay_mask(params, without=("bias", "scale")):
    excluded = tuple(jax.tree_util.DictKey(name) for name in without)
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1] not in excluded, params)

# %% wrong: letters anywhere in the path
# cause: it looks for the letters in the whole path, so the kernel of a layer `upscale` does not decay
def decay_mask(params):
    rule = lambda path, leaf: not any(word in jax.tree_util.keystr(path) for word in ("bias", "scale"))
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: letters in the leaf's name
# cause: it looks for the letters inside the leaf's name, so `upscale` or `scale_bias` does not decay
def decay_mask(params):
    rule = lambda path, leaf: "bias" not in path[-1].key and "scale" not in path[-1].key
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: by the number of axes
# cause: it decides by the number of axes: a bias with two decays, an own vector with one does not
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaf.ndim > 1, params)

# %% wrong: turned round
# cause: True and False are swapped: it marks what should not decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key in ("bias", "scale"), params)

# %% wrong: JAX bools
# cause: the leaves are JAX arrays instead of Python bools
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: jnp.array(path[-1].key not in ("bias", "scale")), params)

# %% wrong: NumPy bools
# cause: the leaves are np.bool_ instead of Python bools
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: ~np.isin(path[-1].key, ("bias", "scale")), params)

# %% wrong: scale forgotten
# cause: only biases are left out; scales decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key != "bias", params)

# %% wrong: bias forgotten
# cause: only scales are left out; biases decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key != "scale", params)

# %% wrong: the first part of the path
# cause: it looks at the first part of the path, the layer's name, instead of the last
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[0].key not in ("bias", "scale"), params)

# %% wrong: any part of the path
# cause: every part of the path counts, so the kernel of a layer that is called `scale` does not decay
def decay_mask(params):
    rule = lambda path, leaf: not {"bias", "scale"} & {part.key for part in path}
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: endswith
# cause: it takes the end of the name, so a leaf called `upscale` does not decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: not path[-1].key.endswith(("bias", "scale")), params)

# %% wrong: startswith
# cause: it takes the beginning of the name, so leaves `biases` or `scale_bias` do not decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: not path[-1].key.startswith(("bias", "scale")), params)

# %% wrong: only kernels
# cause: only leaves named `kernel` decay, while everything but bias and scale should
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key == "kernel", params)

# %% wrong: compares the key object
# cause: the entry of the path is compared with a string without `.key`, which is never equal: all decays
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1] not in ("bias", "scale"), params)

# %% wrong: str of the entry
# cause: str(path[-1]) is "['bias']" with brackets, never equal to the bare name: all decays
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: str(path[-1]) not in ("bias", "scale"), params)

# %% wrong: `in` on a string
# cause: `in` on one string looks for parts of it, so a leaf called `s` does not decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key not in "bias, scale", params)

# %% wrong: case ignored
# cause: capitals are ignored, so a leaf called `Bias` does not decay
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: path[-1].key.lower() not in ("bias", "scale"), params)

# %% wrong: numbers
# cause: the mask holds 0.0 and 1.0 instead of bools
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: float(path[-1].key not in ("bias", "scale")), params)

# %% wrong: arrays of bools
# cause: each leaf becomes an array of its shape, not one Python bool
def decay_mask(params):
    rule = lambda path, leaf: jnp.full(leaf.shape, path[-1].key not in ("bias", "scale"))
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: both rules
# cause: the leaf must have two axes as well, so a vector with another name does not decay
def decay_mask(params):
    rule = lambda path, leaf: leaf.ndim > 1 and path[-1].key not in ("bias", "scale")
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: norms by their name
# cause: whole layers whose name has bn or norm are left out, with all their leaves
def decay_mask(params):
    def rule(path, leaf):
        of_norm = any("bn" in part.key or "norm" in part.key for part in path[:-1])
        return path[-1].key not in ("bias", "scale") and not of_norm
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: more names than asked
# cause: beta and gamma are left out as well, though everything but bias and scale decays
def decay_mask(params):
    rule = lambda path, leaf: path[-1].key not in ("bias", "scale", "beta", "gamma")
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: or for and
# cause: `!= or !=` is always true, so everything decays
def decay_mask(params):
    rule = lambda path, leaf: path[-1].key != "bias" or path[-1].key != "scale"
    return jax.tree_util.tree_map_with_path(rule, params)

# %% wrong: a flat dictionary
# cause: a flat dictionary of paths comes back, not the structure of the parameters
def decay_mask(params):
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path): path[-1].key not in ("bias", "scale") for path, _ in leaves}

# %% wrong: two levels only
# cause: it goes two levels deep, so a deeper module counts as one leaf
def decay_mask(params):
    return {layer: {name: name not in ("bias", "scale") for name in leaves} if isinstance(leaves, dict)
            else layer not in ("bias", "scale") for layer, leaves in params.items()}

# %% wrong: None for False
# cause: leaves without decay become None, which is no leaf: the structure changes
def decay_mask(params):
    return jax.tree_util.tree_map_with_path(
        lambda path, _: True if path[-1].key not in ("bias", "scale") else None, params)

# %% wrong: left out
# cause: what does not decay is left out of the tree instead of marked False
def decay_mask(params):
    return {k: decay_mask(v) if isinstance(v, dict) else True for k, v in params.items() if k not in ("bias", "scale")}

# %% wrong: the parameters overwritten
# cause: the mask is written into the parameters themselves, which are lost
def decay_mask(params):
    for name, value in params.items():
        params[name] = decay_mask(value) if isinstance(value, dict) else name not in ("bias", "scale")
    return params

# %% wrong: a list
# cause: a flat list of bools, without the structure
def decay_mask(params):
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [path[-1].key not in ("bias", "scale") for path, _ in leaves]


# %% right: plain recursion over the dictionaries
def decay_mask(params, name=None):
    if isinstance(params, dict):
        return {key: decay_mask(value, key) for key, value in params.items()}
    return not (name == "bias" or name == "scale")


# %% right: flatten with paths, unflatten
def decay_mask(params):
    leaves, structure = jax.tree_util.tree_flatten_with_path(params)
    exempt = frozenset({"bias", "scale"})
    return structure.unflatten(path[-1].key not in exempt for path, _ in leaves)


# %% right: unzips the tree, decides by sets of names, puts it together again
def decay_mask(params):
    pairs, structure = jax.tree_util.tree_flatten_with_path(params)
    still = {"bias", "scale"}
    return jax.tree.unflatten(structure, [still.isdisjoint({getattr(path[-1], "key")}) for path, _ in pairs])
