"""The mistakes that are made with `evaluate`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "mean of the batches' means",
        says="mean of the batches' means",
        code="""
def evaluate(predict, params, batches):
    losses, accuracies = [], []
    for batch in batches:
        logits = predict(params, batch.image)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        losses.append(jnp.mean(loss, where=batch.mask))
        accuracies.append(jnp.mean(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask))
    return float(np.mean(losses)), float(np.mean(accuracies))
""",
    ),
    Wrong(
        "counts the blanks",
        says="The blanks of the last batch count",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += optax.softmax_cross_entropy_with_integer_labels(logits, batch.label).sum()
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label)
        count += len(batch.label)
    return float(loss / count), float(hits / count)
""",
    ),
    Wrong(
        "masks the losses but not the hits",
        says="blank that is taken for class 0",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label)
        count += jnp.sum(batch.mask)
    return float(loss / count), float(hits / count)
""",
    ),
    Wrong(
        "masks, but divides by all",
        says="divided by the number of rows",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += len(batch.label)
    return float(loss / count), float(hits / count)
""",
    ),
    Wrong(
        "returns inside the loop",
        says="the first batch only",
        code="""
def evaluate(predict, params, batches):
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
        return float(jnp.mean(losses, where=batch.mask)), float(jnp.mean(hits, where=batch.mask))
""",
    ),
    Wrong(
        "keeps only the last batch",
        says="the last batch only",
        code="""
def evaluate(predict, params, batches):
    for batch in batches:
        logits = predict(params, batch.image)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.label)
        hits = jnp.argmax(logits, axis=-1) == batch.label
    return float(jnp.mean(losses, where=batch.mask)), float(jnp.mean(hits, where=batch.mask))
""",
    ),
    Wrong(
        "cuts the blanks away before predicting",
        says="compiled 2 programs",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        images, labels = batch.image[batch.mask], batch.label[batch.mask]
        logits = predict(params, images)
        loss += optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == labels)
        count += len(labels)
    return float(loss / count), float(hits / count)
""",
    ),
    Wrong(
        "per cent",
        says="in per cent",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += jnp.sum(batch.mask)
    return float(loss / count), float(100 * hits / count)
""",
    ),
    Wrong(
        "accuracy first",
        says="other order",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    for batch in batches:
        logits = predict(params, batch.image)
        loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
        hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
        count += jnp.sum(batch.mask)
    return float(hits / count), float(loss / count)
""",
    ),
    Wrong(
        "never ends",
        says="still ran after",
        code="""
def evaluate(predict, params, batches):
    loss, hits, count = 0.0, 0, 0
    while True:
        for batch in batches:
            logits = predict(params, batch.image)
            loss += jnp.sum(optax.softmax_cross_entropy_with_integer_labels(logits, batch.label), where=batch.mask)
            hits += jnp.sum(jnp.argmax(logits, axis=-1) == batch.label, where=batch.mask)
            count += jnp.sum(batch.mask)
    return float(loss / count), float(hits / count)
""",
    ),
)
