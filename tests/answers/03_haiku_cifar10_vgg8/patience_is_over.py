# %% right: a loop
def patience_is_over(losses: list[float], patience: int) -> bool:
    best = None
    for epoch, loss in enumerate(losses):
        if loss == loss and (best is None or loss < losses[best]):
            best = epoch
    return best is not None and len(losses) - 1 - best >= patience

# %% right: `min` with a key
import math

def patience_is_over(losses, patience):
    real = [epoch for epoch, loss in enumerate(losses) if not math.isnan(loss)]
    if not real:
        return False
    best = min(real, key=lambda epoch: losses[epoch])
    return len(losses) - 1 - best >= patience

# %% right: `min` of the real ones and `index`
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - losses.index(min(real)) > patience

# %% right: pairs sorted
def patience_is_over(losses, patience):
    pairs = sorted((loss, epoch) for epoch, loss in enumerate(losses) if not np.isnan(loss))
    return bool(pairs and pairs[0][1] + patience < len(losses))

# %% right: NumPy's `nanmin`
def patience_is_over(losses, patience):
    values = np.asarray(losses, dtype=np.float64)
    if values.size == 0 or np.isnan(values).all():
        return False
    best = int(np.flatnonzero(values == np.nanmin(values))[0])
    return bool(len(values) - 1 - best >= patience)

# %% right: `argmin` among the epochs that are not NaN
def patience_is_over(losses, patience):
    values = np.array(losses, float)
    epochs = np.flatnonzero(~np.isnan(values))
    if not epochs.size:
        return False
    return len(losses) - 1 - int(epochs[values[epochs].argmin()]) >= patience

# %% right: an age that is counted
def patience_is_over(losses, patience):
    lowest, age = None, 0
    for loss in losses:
        age += 1
        if not math_isnan(loss) and (lowest is None or loss < lowest):
            lowest, age = loss, 0
    return lowest is not None and age >= patience

from math import isnan as math_isnan

# %% right: `functools.reduce`
import functools

def patience_is_over(losses, patience):
    def later(found, one):
        return one if one[1] == one[1] and (found is None or one[1] < found[1]) else found

    best = functools.reduce(later, enumerate(losses), None)
    return False if best is None else len(losses) - best[0] - 1 >= patience

# %% right: old losses against new ones
def patience_is_over(losses, patience):
    border = max(0, len(losses) - patience)
    old = [loss for loss in losses[:border] if not np.isnan(loss)]
    return bool(old) and not any(loss < min(old) for loss in losses[border:])

# %% right: recursion over the epochs
def best_of(losses, epoch=0, best=None):
    if epoch == len(losses):
        return best
    new = losses[epoch] == losses[epoch] and (best is None or losses[epoch] < losses[best])
    return best_of(losses, epoch + 1, epoch if new else best)

def patience_is_over(losses, patience):
    best = best_of(losses)
    return False if best is None else (len(losses) - 1) - best >= patience

# %% right: one line with `default`
patience_is_over = lambda losses, patience: (
    len(losses) - 1 - min(((x, i) for i, x in enumerate(losses) if x == x), default=(0, len(losses) + patience))[1]
) >= patience

# %% right: a class, pandas-like `while` from behind
class Patience:
    def __call__(self, losses, patience):
        lowest, best, epoch = np.nan, -1, len(losses) - 1
        while epoch >= 0:
            if not np.isnan(losses[epoch]) and not losses[epoch] > lowest:
                lowest, best = losses[epoch], epoch
            epoch -= 1
        return best >= 0 and len(losses) - 1 - best >= patience

patience_is_over = Patience()

# %% right: `itertools.accumulate` of the lowest so far
from itertools import accumulate

def patience_is_over(losses, patience):
    def lower(best, loss):
        return loss if best != best or loss < best else best

    so_far = list(accumulate(losses, lower))
    if not so_far or so_far[-1] != so_far[-1]:
        return False
    return len(losses) - 1 - so_far.index(so_far[-1]) >= patience

# %% right: walrus and early return
def patience_is_over(losses, patience):
    if not (real := {epoch: float(loss) for epoch, loss in enumerate(losses) if np.isfinite(loss) or np.isinf(loss)}):
        return False
    lowest = min(real.values())
    first = next(epoch for epoch, loss in real.items() if loss == lowest)
    return True if len(losses) - 1 - first >= patience else False

# %% wrong: more than patience
# cause: > instead of >=: stops one epoch too late
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(min(real)) > patience

# %% wrong: the age counted from the length
# cause: the newest loss is taken to be one epoch old (len − index without − 1): stops one epoch too early
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - losses.index(min(real)) >= patience

# %% wrong: the last of equal losses
# cause: <= takes an equal loss for an improvement; the first of the lowest counts
def patience_is_over(losses, patience):
    best = None
    for epoch, loss in enumerate(losses):
        if loss == loss and (best is None or loss <= losses[best]):
            best = epoch
    return best is not None and len(losses) - 1 - best >= patience

# %% wrong: NaN forgotten
# cause: min of a list with NaN depends on the order: a NaN in front is taken for the lowest
def patience_is_over(losses, patience):
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience

# %% wrong: `np.argmin`
# cause: np.argmin returns the place of a NaN, as if it were the lowest
def patience_is_over(losses, patience):
    return len(losses) > 0 and len(losses) - 1 - int(np.argmin(losses)) >= patience

# %% wrong: no losses yet
# cause: min of an empty list fails; without losses the answer is False
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return len(losses) - 1 - losses.index(min(real)) >= patience

# %% wrong: `np.nanargmin` without a guard
# cause: np.nanargmin fails for no losses; the answer must be False
def patience_is_over(losses, patience):
    return bool(len(losses) - 1 - np.nanargmin(losses) >= patience)

# %% wrong: NaN taken out of the list
# cause: the NaNs are removed before the epochs are counted, so their epochs do not count for the age
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(real) - 1 - real.index(min(real)) >= patience

# %% wrong: NaN as zero
# cause: np.nan_to_num makes 0 out of NaN, which is then the lowest
def patience_is_over(losses, patience):
    values = np.nan_to_num(np.array(losses, float))
    return values.size > 0 and len(losses) - 1 - int(values.argmin()) >= patience

# %% wrong: over at the first NaN
# cause: a NaN ends the training at once; the task only says that it is never the lowest
def patience_is_over(losses, patience):
    if any(loss != loss for loss in losses):
        return True
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience

# %% wrong: compared with the epoch before
# cause: counts epochs in a row that are no better than the one before, instead of no better than the lowest
def patience_is_over(losses, patience):
    if not [loss for loss in losses if loss == loss]:
        return False
    bad = 0
    for before, loss in zip(losses, losses[1:]):
        bad = 0 if loss < before else bad + 1
    return bad >= patience

# %% wrong: bad epochs never forgotten
# cause: the count of bad epochs is not set back to 0 by an improvement
def patience_is_over(losses, patience):
    lowest, bad = None, 0
    for loss in losses:
        if loss == loss and (lowest is None or loss < lowest):
            lowest = loss
        else:
            bad += 1
    return lowest is not None and bad >= patience

# %% wrong: over once, over for ever
# cause: returns True if patience was over at any earlier epoch; only the age of the lowest of all the losses counts
def patience_is_over(losses, patience):
    lowest, age = None, 0
    for loss in losses:
        age += 1
        if loss == loss and (lowest is None or loss < lowest):
            lowest, age = loss, 0
        if lowest is not None and age >= patience:
            return True
    return False

# %% wrong: the highest
# cause: looks for the highest loss instead of the lowest (as if it were an accuracy)
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(max(real)) >= patience

# %% wrong: a least improvement
# cause: only a loss that is lower by 0.01 counts as an improvement; any lower loss is one
def patience_is_over(losses, patience):
    best = None
    for epoch, loss in enumerate(losses):
        if loss == loss and (best is None or loss < losses[best] - 0.01):
            best = epoch
    return best is not None and len(losses) - 1 - best >= patience

# %% wrong: a patience of two
# cause: patience is hard-coded as 2
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(min(real)) >= 2

# %% wrong: exactly patience epochs old
# cause: == instead of >=: it is no longer over when the lowest is older than patience
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(min(real)) == patience

# %% wrong: compared with the loss patience epochs ago
# cause: compares the newest loss with the one patience epochs before instead of looking for the lowest
def patience_is_over(losses, patience):
    return len(losses) > patience and losses[-1] >= losses[-1 - patience]

# %% wrong: rising for patience epochs
# cause: wants the last losses to rise one after the other; no new lowest in patience epochs is enough
def patience_is_over(losses, patience):
    last = losses[-patience - 1 :]
    return len(losses) > patience and all(one < two for one, two in zip(last, last[1:]))

# %% wrong: the age
# cause: returns the age of the lowest loss (a number) instead of whether patience is over
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return len(losses) - 1 - losses.index(min(real)) if real else 0

# %% wrong: over before it begins
# cause: returns True for no losses; it must be False
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return not losses or (bool(real) and len(losses) - 1 - losses.index(min(real)) >= patience)

# %% wrong: sorted in place
# cause: sorts the caller's list in place, so that the epochs are lost (and the history with them)
def patience_is_over(losses, patience):
    if not losses:
        return False
    newest = losses[-1]
    losses.sort()
    return len(losses) - 1 >= patience and losses[0] < newest

# %% wrong: worse than the lowest
# cause: only asks whether the newest loss is above the lowest; how old that is does not matter to it
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) > patience and not losses[-1] <= min(real)

# %% wrong: patience as a number of epochs
# cause: stops after patience epochs, whatever the losses are
def patience_is_over(losses, patience):
    return len(losses) > patience

# %% wrong: NaN as infinity
# cause: replaces NaN by inf, which ties with a loss that really is inf: the NaN's epoch is then taken for the lowest
def patience_is_over(losses, patience):
    values = np.array(losses, float)
    if not losses or np.isnan(values).all():
        return False
    return len(losses) - 1 - int(np.where(np.isnan(values), np.inf, values).argmin()) >= patience

# %% wrong: the list turned round
# cause: searches from behind and so finds the last of equal losses; the first counts
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and losses[::-1].index(min(real)) >= patience

# %% wrong: the first epoch left out
# cause: the first epoch's loss is not looked at, so a lowest loss in the first epoch is missed
def patience_is_over(losses, patience):
    real = [loss for loss in losses[1:] if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(min(real), 1) >= patience

# %% wrong: by absolute value
# cause: takes the loss that is nearest to zero for the lowest; a negative loss is lower
def patience_is_over(losses, patience):
    real = [abs(loss) for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - [abs(loss) for loss in losses].index(min(real)) >= patience

# %% wrong: rounded
# cause: losses are rounded to two decimals, so a small improvement counts as equal
def patience_is_over(losses, patience):
    rounded = [round(loss, 2) for loss in losses]
    real = [loss for loss in rounded if loss == loss]
    return bool(real) and len(losses) - 1 - rounded.index(min(real)) >= patience

# %% wrong: turned round
# cause: returns whether to go on (age below patience) instead of whether it is over
def patience_is_over(losses, patience):
    real = [loss for loss in losses if loss == loss]
    return bool(real) and len(losses) - 1 - losses.index(min(real)) < patience


# %% right: minimum of (loss, epoch) pairs
def patience_is_over(losses, patience):
    numbers = [(loss, epoch) for epoch, loss in enumerate(losses) if loss == loss]
    return bool(numbers) and len(losses) - 1 - min(numbers)[1] >= patience


# %% right: the lowest of the old epochs against the lowest of the last `patience`
def patience_is_over(losses, patience):
    numbers = [None if np.isnan(loss) else float(loss) for loss in losses]
    border = max(len(numbers) - patience, 0)
    old = [loss for loss in numbers[:border] if loss is not None]
    recent = [loss for loss in numbers[border:] if loss is not None]
    return len(old) > 0 and min(old) <= min(recent, default=np.inf)


# %% right: min with a key over the numbered losses
def patience_is_over(losses: list[float], patience: int) -> bool:
    numbered = [(loss, epoch) for epoch, loss in enumerate(losses) if loss == loss]
    return bool(numbered) and len(losses) - 1 - min(numbered)[1] >= patience
