# %% right: `flatten_dict` with a separator
def pack(params: dict) -> dict[str, np.ndarray]:
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


# %% right: paths as tuples, joined
from flax.traverse_util import flatten_dict


def pack(params):
    return {"/".join(path[1:]): np.array(leaf) for path, leaf in flatten_dict(params).items()}


# %% right: a recursion with a prefix
def pack(params):
    def walk(tree, prefix):
        flat = {}
        for name, branch in tree.items():
            path = f"{prefix}/{name}" if prefix else name
            if isinstance(branch, dict):
                flat.update(walk(branch, path))
            else:
                flat[path] = np.asarray(branch)
        return flat

    return walk(params["params"], "")


# %% right: a recursive generator
def leaves(tree, *path):
    if isinstance(tree, dict):
        for name in tree:
            yield from leaves(tree[name], *path, name)
    else:
        yield "/".join(path), np.asarray(tree)


def pack(params):
    return dict(leaves(params["params"]))


# %% right: a stack
def pack(params):
    stack, flat = [("", params["params"])], {}
    while stack:
        path, node = stack.pop()
        for name, child in node.items():
            if isinstance(child, dict):
                stack.append((path + name + "/", child))
            else:
                flat[path + name] = np.array(child, copy=True)
    return flat


# %% right: `tree_flatten_with_path`
def pack(params):
    pairs, _ = jax.tree_util.tree_flatten_with_path(params["params"])
    return {"/".join(key.key for key in path): np.asarray(leaf) for path, leaf in pairs}


# %% right: `keystr`, simple
def pack(params):
    with_paths = jax.tree.leaves_with_path(params["params"])
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in with_paths}


# %% right: `device_get` first
def pack(params):
    on_host = jax.device_get(params["params"])
    flat = flax.traverse_util.flatten_dict(on_host, sep="/")
    return jax.tree.map(np.asarray, flat)


# %% right: the prefix taken off, once
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name.removeprefix("params/"): np.asarray(leaf) for name, leaf in flat.items()}


# %% right: an object with `__call__`
class Pack:
    def __init__(self, sep="/"):
        self.sep = sep

    def __call__(self, params):
        self_flat = flax.traverse_util.flatten_dict(params["params"])
        return dict(zip(map(self.sep.join, self_flat), map(np.asarray, self_flat.values()), strict=True))


pack = Pack()


# %% right: level by level, with `partial`
from functools import partial


def pack(params, sep="/"):
    join = partial(str.join, sep)
    level = {(name,): branch for name, branch in params["params"].items()}
    while any(isinstance(branch, dict) for branch in level.values()):
        deeper = {}
        for path, branch in level.items():
            deeper |= {(*path, name): b for name, b in branch.items()} if isinstance(branch, dict) else {path: branch}
        level = deeper
    return {join(path): np.asarray(leaf) for path, leaf in level.items()}


# %% right: `tree.map_with_path` that fills a dictionary
def pack(params):
    flat = {}
    (tree,) = [branch for name, branch in params.items() if name == "params"]
    jax.tree.map_with_path(lambda path, leaf: flat.setdefault("/".join(k.key for k in path), np.array(leaf)), tree)
    return flat


# %% right: Flax's state dictionary, then `flatten_dict`
from flax import serialization


def pack(params):
    state = serialization.to_state_dict(params)
    flat = flax.traverse_util.flatten_dict(state.get("params"), keep_empty_nodes=False, sep="/")
    return {str(path): np.asarray(jax.device_get(leaf)) for path, leaf in flat.items()}


# %% wrong: the outermost name stays
# cause: every name begins with "params/"; the outermost "params" is to be left out
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: the arrays stay on the device
# cause: the values are jax.Array; NumPy arrays are asked for
def pack(params):
    return flax.traverse_util.flatten_dict(jax.tree.map(jnp.asarray, params["params"]), sep="/")


# %% wrong: names joined by dots
# cause: the path is joined by ".", as PyTorch does; it is to be joined by "/"
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep=".")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: tuples as names
# cause: flatten_dict without sep gives tuples as keys; names are strings joined by "/"
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {path: np.asarray(leaf) for path, leaf in flat.items()}


# %% wrong: only the last name
# cause: only the last name of the path is used, so leaves of the same name overwrite one another
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {path[-1]: np.asarray(leaf) for path, leaf in flat.items()}


# %% wrong: two levels and no more
# cause: only the depth layer/leaf is unfolded; deeper dictionaries end up in an array of objects
def pack(params):
    flat = {}
    for layer, leaves in params["params"].items():
        for name, leaf in leaves.items() if isinstance(leaves, dict) else [("", leaves)]:
            flat[f"{layer}/{name}" if name else layer] = np.asarray(leaf)
    return flat


# %% wrong: the deeper levels left out
# cause: leaves below the second level are left out; the tree may be of any depth
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {"/".join(path): np.asarray(leaf) for path, leaf in flat.items() if len(path) == 2}


# %% wrong: first and last name of the path
# cause: the names between the first and the last are left out of the path
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {f"{path[0]}/{path[-1]}": np.asarray(leaf) for path, leaf in flat.items()}


# %% wrong: every "params/" is taken out
# cause: replace removes "params/" wherever it stands; only the outermost is to be left out
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name.replace("params/", ""): np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: `lstrip`
# cause: lstrip("params/") strips single letters, also from the name of a layer that begins with one of them
def pack(params):
    flat = flax.traverse_util.flatten_dict(params, sep="/")
    return {name.lstrip("params/"): np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: a slash in front
# cause: each name begins with "/", as the join starts with an empty name
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {"/".join(["", *path]): np.asarray(leaf) for path, leaf in flat.items()}


# %% wrong: the path backwards
# cause: the path is joined from the leaf to the root: kernel/Conv_0 instead of Conv_0/kernel
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"])
    return {"/".join(reversed(path)): np.asarray(leaf) for path, leaf in flat.items()}


# %% wrong: keys as JAX writes them
# cause: keystr without simple=True writes ['Conv_0']['kernel']; the names are to be joined by "/"
def pack(params):
    return {jax.tree_util.keystr(path): np.asarray(x) for path, x in jax.tree.leaves_with_path(params["params"])}


# %% wrong: keys turned into text
# cause: str of a DictKey is ['Conv_0'] with brackets and quotes; its attribute key is the name
def pack(params):
    with_paths = jax.tree.leaves_with_path(params["params"])
    return {"/".join(str(key) for key in path): np.asarray(leaf) for path, leaf in with_paths}


# %% wrong: flat arrays
# cause: the arrays are flattened too; only the dictionary is to become flat, the arrays keep their shape
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.ravel(leaf) for name, leaf in flat.items()}


# %% wrong: transposed for PyTorch
# cause: the arrays are transposed as PyTorch would have them; they are to stay as they are
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf).T for name, leaf in flat.items()}


# %% wrong: half precision
# cause: the weights are rounded to float16; values and dtype must stay
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf, np.float16) for name, leaf in flat.items()}


# %% wrong: everything float32
# cause: every leaf is turned into float32, integer leaves too; the dtype must stay
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf, dtype=np.float32) for name, leaf in flat.items()}


# %% wrong: axes of length 1 removed
# cause: squeeze drops axes of length 1, such as the input channel of a first convolution
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf).squeeze() for name, leaf in flat.items()}


# %% wrong: lists of numbers
# cause: the values are lists (tolist) and not NumPy arrays
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf).tolist() for name, leaf in flat.items()}


# %% wrong: nested, not flat
# cause: the dictionary stays nested; only the leaves become NumPy arrays
def pack(params):
    return jax.tree.map(np.asarray, params["params"])


# %% wrong: only the kernels
# cause: leaves with other names than kernel (the biases) are left out
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items() if name.endswith("kernel")}


# %% wrong: small letters
# cause: the names are turned into small letters; they must stay as Flax gave them
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name.lower(): np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: numbered names
# cause: the leaves are numbered (as in Keras' get_weights) instead of named by their paths
def pack(params):
    return {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(params["params"]))}


# %% wrong: pairs in a list
# cause: a list of pairs (name, array) is returned; a dictionary is asked for
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return [(name, np.asarray(leaf)) for name, leaf in flat.items()]


# %% wrong: the caller's weights are taken apart
# cause: pop removes "params" from the caller's dictionary: the argument is changed in place
def pack(params):
    flat = flax.traverse_util.flatten_dict(params.pop("params"), sep="/")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


# %% wrong: names joined by underscores
# cause: the path is joined by "_"; it is to be joined by "/", or x/w and x_w become the same name
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="_")
    return {name: np.asarray(leaf) for name, leaf in flat.items()}


# %% right: tree_flatten_with_path
def pack(params):
    leaves, _ = jax.tree_util.tree_flatten_with_path(params["params"])
    return {"/".join(entry.key for entry in path): np.asarray(leaf) for path, leaf in leaves}


# %% right: a stack of open dictionaries, values copied from the device
def pack(params):
    flat, todo = {}, [((), params["params"])]
    while todo:
        path, node = todo.pop()
        if hasattr(node, "items"):
            todo.extend(((*path, name), child) for name, child in node.items())
        else:
            flat["/".join(path)] = np.array(jax.device_get(node))
    return flat


# %% wrong: np.ascontiguousarray (for scalars: shape [1] in place of [])
def pack(params):
    flat = flax.traverse_util.flatten_dict(params["params"], sep="/")
    return {name: np.ascontiguousarray(value) for name, value in flat.items()}


# %% right: no recursion, a stack of paths
def pack(params: dict) -> dict[str, np.ndarray]:
    flat, stack = {}, [((), params["params"])]
    while stack:
        path, node = stack.pop()
        if hasattr(node, "items"):
            stack += [((*path, name), below) for name, below in node.items()]
        else:
            flat["/".join(path)] = np.array(node)
    return flat
