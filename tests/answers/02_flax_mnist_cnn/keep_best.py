# %% right: early return, `jnp.copy` on each leaf
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    if best is not None and not loss < best.loss:
        return best
    return Best(loss, epoch, jax.tree.map(jnp.copy, params))


# %% right: one expression
def keep_best(best, params, epoch, loss):
    return Best(loss, epoch, jax.tree.map(jnp.array, params)) if best is None or loss < best.loss else best


# %% right: `copy.deepcopy`
import copy


def keep_best(best, params, epoch, loss):
    if best is None:
        return Best(loss=loss, epoch=epoch, params=copy.deepcopy(params))
    if loss < best.loss:
        return best._replace(loss=loss, epoch=epoch, params=copy.deepcopy(params))
    return best


# %% right: the array's own method `copy`
def keep_best(best, params, epoch, loss):
    previous = float("inf") if best is None else best.loss
    if best is None or previous > loss:
        best = Best(params=jax.tree.map(lambda leaf: leaf.copy(), params), epoch=epoch, loss=loss)
    return best


# %% right: a recursion over the dictionaries
def copied(tree):
    if isinstance(tree, dict):
        return {name: copied(branch) for name, branch in tree.items()}
    return jnp.array(tree, copy=True)


def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, copied(params))
    return best


# %% right: flatten, copy, unflatten
def keep_best(best, params, epoch, loss):
    better = best is None or loss < best.loss
    if not better:
        return best
    leaves, structure = jax.tree.flatten(params)
    leaves = [jnp.copy(leaf) for leaf in leaves]
    return Best(loss, epoch, jax.tree.unflatten(structure, leaves))


# %% right: `device_put` that may not alias
def keep_best(best, params, epoch, loss):
    if best and not best.loss > loss:
        return best
    return Best(loss, epoch, jax.device_put(params, may_alias=False))


# %% right: an object with `__call__`
class KeepBest:
    def better(self, best, loss):
        return best is None or loss < best.loss

    def __call__(self, best, params, epoch, loss):
        return Best(loss, epoch, jax.tree.map(jnp.copy, params)) if self.better(best, loss) else best


keep_best = KeepBest()


# %% right: `min` of the two, which keeps the first on a tie
def keep_best(best, params, epoch, loss):
    new = Best(loss, epoch, jax.tree.map(jnp.copy, params))
    candidates = [new] if best is None else [best, new]
    return min(candidates, key=lambda candidate: candidate.loss)


# %% right: careful types, `partial`, unpacking
from functools import partial


def keep_best(best, params, epoch, loss):
    copy_tree = partial(jax.tree.map, partial(jnp.array, copy=True))
    if best is not None:
        best_loss, best_epoch, best_params = best
        if not float(loss) < float(best_loss):
            return Best(best_loss, best_epoch, best_params)
    return Best(float(loss), int(epoch), copy_tree(params))


# %% right: `match`
def keep_best(best, params, epoch, loss):
    match best:
        case Best(loss=lowest) if not loss < lowest:
            return best
        case _:
            return Best(loss, epoch, {**jax.tree.map(lambda leaf: jnp.array(leaf), params)})


# %% right: `sorted`, which is stable, and the copy made at the end
def keep_best(best, params, epoch, loss):
    new = Best(loss, epoch, params)
    winner = sorted(([] if best is None else [best]) + [new], key=lambda one: one.loss)[0]
    return winner if winner is best else winner._replace(params=jax.tree.map(jnp.copy, winner.params))


# %% right: a compiled copy that computes new arrays
@jax.jit
def fresh(params):
    return jax.tree.map(jnp.copy, params)


def keep_best(best, params, epoch, loss):
    return Best(loss, epoch, fresh(params)) if best is None or loss < best.loss else best


# %% wrong: on a tie the later one
# cause: <= lets a later epoch with the same loss take over; on a tie the earlier one stays
def keep_best(best, params, epoch, loss):
    if best is None or loss <= best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: the highest loss
# cause: the comparison is the wrong way round: it keeps the highest loss, and lower is better
def keep_best(best, params, epoch, loss):
    if best is None or loss > best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: no copy
# cause: the weights are kept without a copy, so the next training step deletes them
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, params)
    return best


# %% wrong: `dict(params)`
# cause: dict(params) copies the outermost dictionary only; the arrays are the same and are given away
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, dict(params))
    return best


# %% wrong: `copy.copy`
# cause: a shallow copy shares the inner dictionaries and the arrays with the training state
import copy


def keep_best(best, params, epoch, loss):
    if best is not None and loss >= best.loss:
        return best
    return Best(loss, epoch, copy.copy(params))


# %% wrong: a new tree with the old arrays
# cause: tree.map with the identity makes new dictionaries around the same arrays; the arrays must be copied
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(lambda leaf: leaf, params))
    return best


# %% wrong: `jnp.asarray`
# cause: jnp.asarray does not copy what is a jax.Array already
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.asarray, params))
    return best


# %% wrong: `device_put` to where they are
# cause: device_put does not copy what is on the device already, so the next step deletes what was kept
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.device_put(params))
    return best


# %% wrong: `stop_gradient` for `detach`
# cause: stop_gradient is no copy (nor is PyTorch's detach): the arrays stay those of the training state
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.lax.stop_gradient(params))
    return best


# %% wrong: the first weights are not copied
# cause: before the first epoch (best is None) the weights are kept without a copy
def keep_best(best, params, epoch, loss):
    if best is None:
        return Best(loss, epoch, params)
    if loss < best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: only the first weights are copied
# cause: weights of later epochs that are better are kept without a copy
def keep_best(best, params, epoch, loss):
    if best is None:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best._replace(loss=loss, epoch=epoch, params=params) if loss < best.loss else best


# %% wrong: None is not expected
# cause: before the first epoch best is None, and None has no loss
def keep_best(best, params, epoch, loss):
    if loss < best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: epochs off by one
# cause: epoch + 1 is kept; the epoch is given and is to be kept as it is
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch + 1, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: improvements are counted, not epochs
# cause: the epoch becomes best.epoch + 1, the number of improvements, instead of the epoch of these weights
def keep_best(best, params, epoch, loss):
    if best is None:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    if loss < best.loss:
        return Best(loss, best.epoch + 1, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: epoch and loss swapped
# cause: the fields are filled in the order of the arguments (epoch, loss); Best has loss first
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(epoch, loss, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: a plain tuple
# cause: new weights come back as a plain tuple without the names of Best, so the next call finds no best.loss
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return loss, epoch, jax.tree.map(jnp.copy, params)
    return best


# %% wrong: lowest loss, latest weights
# cause: the lowest loss is kept, but epoch and weights are always the newest ones
def keep_best(best, params, epoch, loss):
    lowest = loss if best is None else min(best.loss, loss)
    return Best(lowest, epoch, jax.tree.map(jnp.copy, params))


# %% wrong: the epoch always moves on
# cause: when the earlier weights stay, their epoch is overwritten by the current one
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best._replace(epoch=epoch)


# %% wrong: a first loss above 1 is not kept
# cause: without a best the limit is 1.0 and not infinity, so a first epoch with a loss of 2.3 keeps nothing
def keep_best(best, params, epoch, loss):
    limit = 1.0 if best is None else best.loss
    return Best(loss, epoch, jax.tree.map(jnp.copy, params)) if loss < limit else best


# %% wrong: a smallest improvement, as in Keras' EarlyStopping
# cause: a lower loss counts only if it is lower by more than 0.001; any lower loss is better
def keep_best(best, params, epoch, loss, min_delta=1e-3):
    if best is None or loss < best.loss - min_delta:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: losses are rounded before they are compared
# cause: losses are rounded to two digits before the comparison, so small improvements count as ties
def keep_best(best, params, epoch, loss):
    if best is None or round(loss, 2) < round(best.loss, 2):
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: a loss of 0.0 is taken for none
# cause: best.loss is tested for truth, so a best loss of 0.0 counts as no best and is replaced by a worse one
def keep_best(best, params, epoch, loss):
    if not (best and best.loss) or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: the best is kept in a global
# cause: the best so far is remembered outside the function and the argument best is ignored; not a pure function
memory = {}


def keep_best(best, params, epoch, loss):
    if "best" not in memory or loss < memory["best"].loss:
        memory["best"] = Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return memory["best"]


# %% wrong: the latest epoch
# cause: the epochs are compared instead of the losses: the latest weights win
def keep_best(best, params, epoch, loss):
    if best is None or epoch > best.epoch:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: the old best is overwritten in place
# cause: the dictionary of the old best is updated in place; a pure function leaves its arguments as they are
def keep_best(best, params, epoch, loss):
    if best is None:
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    if loss < best.loss:
        best.params.update(jax.tree.map(jnp.copy, params))
        return best._replace(loss=loss, epoch=epoch)
    return best


# %% wrong: a list of arrays
# cause: the copies are a flat list of leaves; the weights are a dictionary and must stay one
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, [jnp.copy(leaf) for leaf in jax.tree.leaves(params)])
    return best


# %% wrong: half precision to save memory
# cause: the copy is rounded to float16; the weights must keep their dtype and values
def keep_best(best, params, epoch, loss):
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(lambda leaf: leaf.astype(jnp.float16), params))
    return best


# %% right: min over a list with a key that puts NaN last; copy through jnp.array
def keep_best(best, params, epoch, loss):
    new = Best(loss, epoch, params)
    winner = min([new] if best is None else [best, new], key=lambda b: (bool(np.isnan(b.loss)), b.loss))
    if winner is best:
        return best
    return winner._replace(params=jax.tree.map(jnp.array, params))


# %% right: conditions in a row, the leaves' own copy method
def keep_best(best, params, epoch, loss):
    if best is not None and not loss < best.loss and (loss != loss or best.loss == best.loss):
        return best
    leaves, structure = jax.tree.flatten(params)
    return Best(loss=loss, epoch=epoch, params=jax.tree.unflatten(structure, [leaf.copy() for leaf in leaves]))


# %% right: min of two candidates by a key, deepcopy for the new weights
import copy
import math


def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    candidates = ([best] if best is not None else []) + [Best(loss, epoch, params)]
    chosen = min(candidates, key=lambda one: (math.isnan(one.loss), 0.0 if math.isnan(one.loss) else one.loss))
    return best if chosen is best else chosen._replace(params=copy.deepcopy(params))


# %% wrong: np.asarray is a view of the same memory on the CPU (weights that are donated afterwards)
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(np.asarray, params))
    return best


# %% wrong: None counts as infinity and must be beaten (the first loss is inf or NaN: returns None)
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    if loss < (float("inf") if best is None else best.loss):
        return Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best


# %% wrong: copies as float32 (weights of another dtype: an int32 counter, bfloat16)
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    if best is None or loss < best.loss:
        return Best(loss, epoch, jax.tree.map(lambda w: jnp.array(w, dtype=jnp.float32, copy=True), params))
    return best


# %% wrong: NaN gives the best so far before there is one
def keep_best(best: Best | None, params: dict, epoch: int, loss: float) -> Best:
    if np.isnan(loss):
        return best
    if best is None or np.isnan(best.loss) or loss < best.loss:
        best = Best(loss, epoch, jax.tree.map(jnp.copy, params))
    return best
