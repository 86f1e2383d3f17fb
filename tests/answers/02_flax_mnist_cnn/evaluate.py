# %% right: Python floats, `optax`
def evaluate(predict, params, batches) -> tuple[float, float]:
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% right: NumPy after the prediction
def evaluate(predict, params, batches):
    losses, right = [], []
    for image, label, mask in batches:
        z = np.asarray(predict(params, image), np.float64)
        label, mask = np.asarray(label), np.asarray(mask)
        z = z - z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses.append(-log_p[np.arange(len(label)), label][mask])
        right.append((z.argmax(axis=1) == label)[mask])
    return float(np.concatenate(losses).mean()), float(np.concatenate(right).mean())


# %% right: sums on the device, one look at the end
def evaluate(predict, params, batches):
    loss, correct, count = jnp.float32(0), jnp.int32(0), jnp.int32(0)
    for batch in batches:
        logits = predict(params, batch.image)
        log_p = jax.nn.log_softmax(logits)
        loss -= jnp.sum(jnp.take_along_axis(log_p, batch.label[:, None], axis=1)[:, 0] * batch.mask)
        correct += jnp.sum((logits.argmax(axis=-1) == batch.label) & batch.mask)
        count += jnp.sum(batch.mask)
    return float(loss / count), float(correct / count)


# %% right: a named tuple of sums, `tree.map`
class Sums(NamedTuple):
    loss: jax.Array
    correct: jax.Array
    count: jax.Array


@jax.jit
def sums_of(logits, label, mask):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
    hits = jnp.argmax(logits, -1) == label
    return Sums(jnp.vdot(losses, mask), jnp.sum(hits & mask), jnp.sum(mask))


def evaluate(predict, params, batches):
    total = Sums(0.0, 0, 0)
    for batch in batches:
        total = jax.tree.map(jnp.add, total, sums_of(predict(params, batch.image), batch.label, batch.mask))
    return (total.loss / total.count).item(), (total.correct / total.count).item()


# %% right: `functools.reduce`
from functools import reduce


def evaluate(predict, params, batches):
    def add(sums, batch):
        logits = jnp.asarray(predict(params, batch.image))
        cost = jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(len(logits)), batch.label]
        hit = logits.argmax(1) == batch.label
        return sums + jnp.stack([jnp.where(batch.mask, cost, 0).sum(), (hit * batch.mask).sum(), batch.mask.sum()])

    loss, hits, count = reduce(add, batches, jnp.zeros(3))
    return float(loss / count), float(hits / count)


# %% right: logits collected, one computation at the end
def evaluate(predict, params, batches):
    kept = [(predict(params, batch.image), batch.label, batch.mask) for batch in batches]
    logits, labels, mask = (jnp.concatenate(parts) for parts in zip(*kept, strict=True))
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    loss = jnp.average(losses, weights=mask)
    accuracy = jnp.average(jnp.argmax(logits, axis=1) == labels, weights=mask)
    return float(loss), float(accuracy)


# %% right: stacked batches and `vmap`
def evaluate(predict, params, batches):
    def sums(logits, label, mask):
        losses = jax.vmap(optax.softmax_cross_entropy_with_integer_labels)(logits, label)
        return jnp.sum(losses, where=mask), jnp.sum(jnp.argmax(logits, -1) == label, where=mask), jnp.sum(mask)

    batches = list(batches)
    logits = jnp.stack([predict(params, batch.image) for batch in batches])
    label, mask = jnp.stack([batch.label for batch in batches]), jnp.stack([batch.mask for batch in batches])
    loss, hits, count = (float(part.sum()) for part in jax.vmap(sums)(logits, label, mask))
    return loss / count, hits / count


# %% right: `lax.scan` over collected logits
def evaluate(predict, params, batches):
    def add(carry, part):
        logits, label, mask = part
        losses = -jnp.sum(jax.nn.one_hot(label, logits.shape[-1]) * jax.nn.log_softmax(logits), axis=-1)
        hits = jnp.argmax(logits, -1) == label
        loss, right, count = carry
        return (loss + losses @ mask, right + jnp.sum(hits & mask), count + jnp.sum(mask)), None

    parts = [(predict(params, b.image), jnp.asarray(b.label), jnp.asarray(b.mask)) for b in batches]
    start = (jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))
    (loss, right, count), _ = jax.lax.scan(add, start, jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts))
    return float(loss) / int(count), int(right) / int(count)


# %% right: an object with `__call__` that adds up
class Evaluate:
    def figures(self, logits, label):
        return optax.softmax_cross_entropy_with_integer_labels(logits, label), jnp.argmax(logits, axis=-1) == label

    def __call__(self, predict, params, batches):
        sums = np.zeros(3)
        for batch in batches:
            losses, hits = self.figures(predict(params, batch.image), batch.label)
            sums += [jnp.sum(losses, where=batch.mask), jnp.sum(hits, where=batch.mask), jnp.sum(batch.mask)]
        loss, right, count = sums.tolist()
        return loss / count, right / count


evaluate = Evaluate()


# %% right: one example at a time, but predictions by whole batches
import math


def evaluate(predict, params, batches):
    losses, hits = [], 0
    for images, labels, mask in batches:
        rows = np.asarray(predict(params, images)).tolist()
        for row, label, real in zip(rows, labels.tolist(), mask.tolist(), strict=True):
            if not real:
                continue
            top = max(row)
            losses.append(top + math.log(sum(math.exp(z - top) for z in row)) - row[label])
            hits += row.index(top) == label
    return math.fsum(losses) / len(losses), hits / len(losses)


# %% right: a generator of sums
def evaluate(predict, params, batches):
    def sums():
        for batch in batches:
            logits = predict(params, batch.image)
            weights = batch.mask.astype(np.float32)
            yield (
                weights @ optax.losses.softmax_cross_entropy_with_integer_labels(logits, batch.label),
                weights @ (logits.argmax(-1) == batch.label),
                weights.sum(),
            )

    loss, hits, count = map(sum, zip(*sums(), strict=True))
    return float(loss / count), float(hits / count)


# %% right: the real rows picked after the prediction, `partial`
from functools import partial


def evaluate(predict, params, batches):
    answer = partial(predict, params)
    pairs = []
    for batch in batches:
        logits, real = answer(batch.image), np.flatnonzero(np.asarray(batch.mask))
        pairs.append((jnp.asarray(logits)[real], jnp.asarray(batch.label)[real]))
    logits = jnp.concatenate([pair[0] for pair in pairs])
    labels = jnp.concatenate([pair[1] for pair in pairs])
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return float(loss), float(jnp.mean(logits.argmax(axis=1) == labels))


# %% wrong: the blanks count
# cause: the mask is not used: the blanks of the last batch cost, count and may be right
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(losses.sum())
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label))
        count += len(batch.label)
    return total_loss / count, hits / count


# %% wrong: the mask for the loss only
# cause: the blanks are counted as hits when the network answers 0; only the loss is masked
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the mask for the hits only
# cause: the losses of the blanks are added to the total
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(losses.sum())
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: divided by all places
# cause: masked sums are divided by the number of places in the batches, blanks included
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += batch.mask.size
    return total_loss / count, hits / count


# %% wrong: the mean divided by the number of batches
# cause: sums over examples are divided by the number of batches
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += 1
    return total_loss / count, hits / count


# %% wrong: mean of the batches' means
# cause: the means of the batches are averaged, so an example in the short last batch counts for more than the others
def evaluate(predict, params, batches):
    losses, accuracies = [], []
    for batch in batches:
        logits = predict(params, batch.image)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        count = jnp.maximum(batch.mask.sum(), 1)
        losses.append(jnp.sum(each, where=batch.mask) / count)
        accuracies.append(jnp.sum(jnp.argmax(logits, -1) == batch.label, where=batch.mask) / count)
    return float(np.mean(losses)), float(np.mean(accuracies))


# %% wrong: accuracy first
# cause: accuracy and loss are returned in the wrong order: the loss comes first
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return hits / count, total_loss / count


# %% wrong: sum of the losses
# cause: the loss is the sum over the examples and is not divided by their number
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss, hits / count


# %% wrong: number of hits
# cause: the number of right answers is returned instead of their share
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, float(hits)


# %% wrong: all images at once
# cause: the images of all batches are given to predict as one array, a new shape; it is to be called a batch at a time
def evaluate(predict, params, batches):
    image, label, mask = (jnp.concatenate(parts) for parts in zip(*batches, strict=True))
    logits = predict(params, image)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
    hits = jnp.argmax(logits, axis=-1) == label
    return float(jnp.mean(losses, where=mask)), float(jnp.mean(hits, where=mask))


# %% wrong: percent
# cause: the accuracy is in percent; a share between 0 and 1 is asked for
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, 100 * hits / count


# %% wrong: the share of wrong answers
# cause: the error rate is returned instead of the accuracy
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, 1 - hits / count


# %% wrong: whole-number division
# cause: // rounds the accuracy down to 0 or 1
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, float(hits // count)


# %% wrong: a dot product of booleans
# cause: the dot product of two boolean arrays is a boolean (any hit at all), not the number of hits
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        total_loss += float(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label) @ batch.mask)
        hits += int(jnp.vdot(jnp.argmax(logits, axis=-1) == batch.label, batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: arrays instead of floats
# cause: the results are jax.Arrays; two Python floats are asked for
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return jnp.float32(total_loss / count), jnp.float32(hits / count)


# %% wrong: rounded to two digits
# cause: the results are rounded to two digits
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return round(total_loss / count, 2), round(hits / count, 2)


# %% wrong: a softmax before the loss
# cause: the loss takes logits, here it gets probabilities: softmax is applied twice
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(jax.nn.softmax(logits), batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the log of a softmax
# cause: log(softmax) is infinite where a probability is rounded to 0; log_softmax is not
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        p = jax.nn.softmax(logits)
        losses = -jnp.log(jnp.take_along_axis(p, batch.label[:, None], axis=1))[:, 0]
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the smallest score
# cause: argmin picks the least likely class; the answer is the class with the largest score
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmin(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: only the last batch
# cause: the sums are set to zero in each batch, so only the last batch counts
def evaluate(predict, params, batches):
    for batch in batches:
        total_loss, hits, count = 0.0, 0, 0
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: only the first batch
# cause: return stands inside the loop, so only the first batch counts
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
        return total_loss / count, hits / count


# %% wrong: the last batch is dropped
# cause: the last batch is left out because it is filled up; its real examples count too
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in list(batches)[:-1] or batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: batches with blanks are dropped
# cause: batches that are not full are left out; their real examples count too
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        if not batch.mask.all():
            continue
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: label 0 is taken for a blank
# cause: real examples are recognised by label != 0, so the real zeros are left out
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.label != 0))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.label != 0))
        count += int((batch.label != 0).sum())
    return total_loss / count, hits / count


# %% wrong: the right one is among the best two
# cause: an answer counts as right when the label is among the two largest scores (top-2)
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        best_two = jnp.argsort(logits, axis=-1)[:, -2:]
        hits += int(jnp.sum((best_two == batch.label[:, None]).any(axis=1), where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the loss of the right answers
# cause: only the losses of right answers are added; all real examples are to count
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        right = jnp.argmax(logits, axis=-1) == batch.label
        total_loss += float(jnp.sum(losses, where=batch.mask & right))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the count begins at 1
# cause: the count begins at 1 to avoid a division by zero, so both means are too small
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 1
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: divided by 64 for each batch
# cause: the batch size 64 is built in as the count of each batch
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += 64
    return total_loss / count, hits / count


# %% wrong: only the real images are given to the network
# cause: predict gets the real images alone, a new shape, which compiles a new program; whole batches are asked for
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image[batch.mask])
        label = batch.label[batch.mask]
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
        total_loss += float(losses.sum())
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == label))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% wrong: the method epoch
# cause: batches.epoch(0) asks for a loader, but a list of batches is allowed as well
def evaluate(predict, params, batches):
    total_loss, hits, count = 0.0, 0, 0
    for batch in batches.epoch(0):
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total_loss += float(jnp.sum(losses, where=batch.mask))
        hits += int(jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
        count += int(batch.mask.sum())
    return total_loss / count, hits / count


# %% right: NumPy in float64, only the real rows
def evaluate(predict, params, batches):
    total, hits, count = 0.0, 0, 0
    for image, label, mask in batches:
        real = np.asarray(mask)
        z = np.asarray(predict(params, image), np.float64)[real]
        y = np.asarray(label)[real]
        z = z - z.max(axis=1, keepdims=True)
        total += np.sum(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y])
        hits += np.count_nonzero(z.argmax(axis=1) == y)
        count += len(y)
    return float(total / count), float(hits / count)


# %% right: losses and hits of all batches side by side, then a mean over the real ones
def evaluate(predict, params, batches):
    columns = []
    for batch in batches:
        logits = jnp.asarray(predict(params, batch.image))
        losses = optax.losses.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(batch.label))
        columns.append(np.stack([losses, jnp.argmax(logits, axis=-1) == batch.label, batch.mask]).astype(np.float64))
    losses, hits, real = np.concatenate(columns, axis=1)
    real = real.astype(bool)
    return losses[real].mean().item(), hits[real].mean().item()


# %% wrong: mean of each batch, weighted by its count (for a batch without any real example: NaN)
def evaluate(predict, params, batches):
    total = hits = count = 0.0
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        real = float(np.sum(batch.mask))
        total += real * float(jnp.mean(losses, where=batch.mask))
        hits += real * float(jnp.mean(logits.argmax(axis=-1) == batch.label, where=batch.mask))
        count += real
    return total / count, hits / count


# %% wrong: takes the first rows for the real ones (for a mask whose true entries are not at the front)
def evaluate(predict, params, batches):
    total, hits, count = 0.0, 0.0, 0
    for batch in batches:
        real = int(np.sum(batch.mask))
        logits, labels = predict(params, batch.image)[:real], batch.label[:real]
        total += float(jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, labels)))
        hits += float(jnp.sum(logits.argmax(axis=-1) == labels))
        count += real
    return total / count, hits / count


# %% right: NumPy in float64, the real rows gathered after the call
def evaluate(predict, params, batches) -> tuple[float, float]:
    costs, hits = [], []
    for image, label, mask in batches:
        z = np.asarray(predict(params, image), np.float64)[np.asarray(mask)]
        y = np.asarray(label)[np.asarray(mask)]
        top = z.max(axis=1, initial=-np.inf)
        right = z[np.arange(len(y)), y]
        costs.extend(top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - right)
        hits.extend(z.argmax(axis=1) == y)
    return sum(map(float, costs)) / len(costs), sum(map(bool, hits)) / len(hits)


# %% wrong: blanks recognised by their black image (a real image that is all zero)
def evaluate(predict, params, batches) -> tuple[float, float]:
    total = hits = count = 0
    for batch in batches:
        logits = predict(params, batch.image)
        real = batch.mask & (jnp.asarray(batch.image) != 0).any(axis=(1, 2, 3))
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        total += float(jnp.where(real, losses, 0).sum())
        hits += int(((logits.argmax(-1) == batch.label) & real).sum())
        count += int(real.sum())
    return total / max(count, 1), hits / max(count, 1)
