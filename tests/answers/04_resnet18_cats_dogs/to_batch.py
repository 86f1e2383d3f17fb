# %% right: filled NumPy arrays
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        raise ValueError(f"label {labels[bad.argmax()]} is out of range")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% right: np.pad
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    images, labels = np.asarray(images), np.asarray(labels)
    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"label {label}: only 0 to {classes - 1} are allowed")
    blank = size - len(labels)
    pixels = (np.moveaxis(images, 1, -1).astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
    return Batch(
        image=jnp.array(np.pad(pixels, [(0, blank), (0, 0), (0, 0), (0, 0)])),
        label=jnp.array(np.pad(labels, (0, blank)), jnp.int32),
        mask=jnp.array(np.pad(np.ones(len(labels), bool), (0, blank))),
    )

# %% right: JAX arrays and .at[].set
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")

    count = images.shape[0]
    x = jnp.transpose(jnp.asarray(images, jnp.float32) / 255, (0, 2, 3, 1))
    x = (x - jnp.asarray(mean, jnp.float32)) / jnp.asarray(std, jnp.float32)
    image = jnp.zeros((size, *x.shape[1:]), jnp.float32).at[:count].set(x)
    label = jnp.zeros(size, jnp.int32).at[:count].set(jnp.asarray(labels, jnp.int32))
    return Batch(image, label, jnp.zeros(size, bool).at[:count].set(True))

# %% right: einops-like by einsum, one scale and shift
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    outside = np.flatnonzero((labels != labels.clip(0, classes - 1)))
    if len(outside):
        raise ValueError("label %d" % labels[outside[0]])
    mean, std = np.array(mean, np.float64), np.array(std, np.float64)
    image = np.einsum("nchw,c->nhwc", images.astype(np.float64), 1 / (255 * std)) - mean / std
    fill = lambda a: jnp.concatenate([jnp.asarray(a), jnp.zeros((size - len(a), *a.shape[1:]), a.dtype)])
    return Batch(fill(image.astype(np.float32)), fill(labels.astype(np.int32)), fill(np.ones(len(labels), bool)))

# %% right: next() for the first bad label, mask by where
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    if (first := next((int(k) for k in labels if k < 0 or k >= classes), None)) is not None:
        raise ValueError(f"{first} is no class")
    n = len(images)
    padded = np.zeros((size,) + images.shape[1:], np.uint8)
    padded[:n] = images
    mask = jnp.arange(size) < n
    image = (jnp.moveaxis(jnp.asarray(padded), 1, 3) / 255.0 - jnp.array(mean)) / jnp.array(std)
    image = jnp.where(mask[:, None, None, None], image, 0.0).astype(jnp.float32)
    return Batch(image, jnp.asarray(np.r_[labels, np.zeros(size - n, np.int64)], jnp.int32), mask)

# %% right: compiled arithmetic in a helper
@jax.jit
def _normalised(image, label, mask, mean, std):
    image = (image.transpose(0, 2, 3, 1).astype(jnp.float32) / 255 - mean) / std
    return Batch(image * mask[:, None, None, None], label, mask)

def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {int(bad[0])} is not in 0..{classes - 1}")

    rest = size - len(images)
    image = np.concatenate([images, np.zeros((rest, *images.shape[1:]), images.dtype)])
    label = np.concatenate([labels, np.zeros(rest, labels.dtype)])
    mask = np.repeat([True, False], [len(images), rest])
    return _normalised(image, label.astype(np.int32), mask, np.float32(mean), np.float32(std))

# %% right: element by element, as in the text
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    n, channels, height, width = images.shape
    for number in labels.tolist():
        if number not in range(classes):
            raise ValueError(f"bad label {number}")
    image = np.zeros((size, height, width, channels), dtype="float32")
    label, mask = np.zeros(size, dtype="int32"), np.zeros(size, dtype=bool)
    for i in range(n):
        for c in range(channels):
            image[i, :, :, c] = (images[i, c] / 255 - mean[c]) / std[c]
        label[i], mask[i] = labels[i], True
    return Batch(*map(jnp.asarray, (image, label, mask)))

# %% right: vmap over the pictures
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")

    def one(picture):
        return jnp.stack([(channel / 255 - m) / s for channel, m, s in zip(picture, mean, std)], axis=-1)
    blank = size - len(images)
    shape = (len(images), *images.shape[2:], images.shape[1])
    real = jax.vmap(one)(jnp.asarray(images, jnp.float32)) if len(images) else jnp.zeros(shape)
    image = jnp.pad(real, ((0, blank), (0, 0), (0, 0), (0, 0)))
    label = jnp.pad(jnp.asarray(labels, jnp.int32), (0, blank))
    return Batch(image, label, jnp.arange(size) < len(images))

# %% right: a table of 256 values a channel
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    labels = np.asarray(labels)
    wrong = ~np.isin(labels, np.arange(classes))
    if np.any(wrong):
        raise ValueError(f"There is a label {labels[wrong][0]}, but classes are 0..{classes - 1}.")
    table = ((np.arange(256)[:, None] / 255 - np.array(mean)) / np.array(std)).astype(np.float32)
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    for k in range(c):
        image[:n, ..., k] = table[images[:, k], k]
    label = np.zeros(size, np.int32)
    np.put(label, np.arange(n), labels)
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(np.arange(size) < n))

# %% right: in place in float32, device_put
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    good = np.logical_and(0 <= labels, labels < classes)
    if not good.all():
        raise ValueError(str(labels[~good][0]))
    image = np.zeros((size, *np.shape(images[0].T if len(images) else np.empty(images.shape[1:]).T)), np.float32)
    image = np.ascontiguousarray(image.swapaxes(1, 2))
    part = image[: len(images)]
    part += images.transpose(0, 2, 3, 1)
    part /= 255
    part -= np.asarray(mean, np.float32)
    part /= np.asarray(std, np.float32)
    label = np.append(labels, np.zeros(size - len(labels))).astype(np.int32)
    mask = np.array([True] * len(labels) + [False] * (size - len(labels)))
    return jax.device_put(Batch(image, label, mask))

# %% right: lax.dynamic_update_slice and partial
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = [label for label in labels if label not in range(classes)]
    if bad != []:
        raise ValueError(f"label {bad[0]}")
    put = lambda empty, values: lax.dynamic_update_slice_in_dim(empty, jnp.asarray(values, empty.dtype), 0, 0)
    scaled = np.divide(images, 255, dtype=np.float32)
    scaled = scaled - np.reshape(np.float32(mean), (-1, 1, 1))
    scaled = (scaled / np.reshape(np.float32(std), (-1, 1, 1))).transpose((0, 2, 3, 1))
    return Batch(
        put(jnp.zeros((size, *scaled.shape[1:]), jnp.float32), scaled),
        put(jnp.zeros((size,), jnp.int32), labels),
        put(jnp.zeros((size,), jnp.bool_), np.ones(len(labels), bool)),
    )

# %% right: jax.nn.standardize and jnp.resize-free tree map
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    low, high = labels < 0, labels > classes - 1
    if (low | high).sum() > 0:
        raise ValueError(f"the label {labels[np.argmax(low | high)]} does not exist")
    mean, std = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)
    image = jax.nn.standardize(
        jnp.asarray(images.transpose(0, 2, 3, 1), jnp.float32) / 255, mean=mean, variance=std**2, epsilon=0)
    real = Batch(image, jnp.asarray(labels, jnp.int32), jnp.ones(len(labels), bool))
    return jax.tree.map(lambda a: jnp.zeros((size, *a.shape[1:]), a.dtype).at[jnp.arange(len(a))].set(a), real)

# %% wrong: reshaped instead of transposed
# cause: reshape moves no axis: the numbers of the channels are mixed up; it takes a transpose
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.reshape(n, h, w, c) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: height and width swapped
# cause: the transpose is (0, 3, 2, 1), so rows and columns are swapped
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, w, h, c), np.float32)
    image[:n] = (images.transpose(0, 3, 2, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: channels stay first
# cause: the channels are not brought to the last axis
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, c, h, w), np.float32)
    image[:n] = (images / 255 - np.reshape(mean, (-1, 1, 1))) / np.reshape(std, (-1, 1, 1))
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: padded before it is normalised
# cause: blanks are filled in as pixels 0 and then normalised, so they are −mean/std and not 0
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = images.transpose(0, 2, 3, 1)
    image = ((image / 255 - np.asarray(mean)) / np.asarray(std)).astype(np.float32)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: not divided by 255
# cause: the pixels stay in 0..255 while mean and std are for 0..1
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) * 1.0 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: divided by 256
# cause: divided by 256 instead of 255
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 256 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: 255 after the normalising
# cause: mean and std are applied to the bytes and 255 divides afterwards
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) - np.asarray(mean)) / np.asarray(std) / 255
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: times std
# cause: it multiplies by std instead of dividing
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) * np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: mean only
# cause: the division by std is missing
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean))
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: one mean for all channels
# cause: the first channel's mean and std are used for all channels
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - mean[0]) / std[0]
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: the mask is all True
# cause: the mask is True for the blanks too
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.ones(size, bool)
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: float mask
# cause: the mask is float32, not bool
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = (np.arange(size) < n).astype(np.float32)
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: mask turned round
# cause: the mask is True for the blanks and False for the real ones
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) >= n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: float labels
# cause: the labels are float32, not int32
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.float32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: NumPy arrays
# cause: it returns NumPy arrays instead of JAX arrays
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(image, label, mask)

# %% wrong: blank labels −1
# cause: the blanks' label is −1 instead of 0
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.full(size, -1, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: not filled up
# cause: the short batch stays short: nothing is filled up to `size`
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((n, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(n, np.int32)
    label[:n] = labels
    mask = np.ones(n, bool)
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: a tuple
# cause: a plain tuple comes back instead of a Batch
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask)

# %% wrong: filled up in front
# cause: the blanks come before the real pictures, not after them
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[size - n :] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[size - n :] = labels
    mask = np.arange(size) >= size - n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: half precision
# cause: the pictures are float16, not float32
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float16)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: the picture's own mean
# cause: each channel is normalised by its own mean and deviation, not by those given
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - (images / 255).mean((0, 2, 3))) / (images / 255).std((0, 2, 3))
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: square pictures only
# cause: height is used for the width, so only square pictures work
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, h, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: mask from labels
# cause: the mask is where the label is not 0, so a real picture of class 0 counts as blank
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = label != 0
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: labels not looked at
# cause: no ValueError for a label out of range
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: no look at negative labels
# cause: only labels that are too large are refused, not negative ones
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[labels >= classes]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: off by one
# cause: a label equal to `classes` passes, though the last allowed one is classes − 1
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels > classes)]
    if bad.size:
        raise ValueError(f"label {bad[0]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: names the worst
# cause: it names the largest label if anything is wrong, not the first bad one
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {labels.max()} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: names its place
# cause: the error names the place of the bad label in the batch, not the label
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise ValueError(f"the label at place {bad[0]} is bad")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: names nothing
# cause: the ValueError does not say which label is bad
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError("a label is out of range")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: labels clipped
# cause: bad labels are silently clipped into the range instead of refused
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    labels = labels.clip(0, classes - 1)
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: an assertion
# cause: a bad label gives an AssertionError, not a ValueError
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    for label in labels:
        assert 0 <= label < classes, f"label {label}"
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))

# %% wrong: names the last bad one
# cause: it names the last bad label instead of the first
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = labels[(labels < 0) | (labels >= classes)]
    if bad.size:
        raise ValueError(f"label {bad[-1]} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    label = np.zeros(size, np.int32)
    label[:n] = labels
    mask = np.arange(size) < n
    return Batch(jnp.asarray(image), jnp.asarray(label), jnp.asarray(mask))


# %% right: a table of the 256 levels of each channel, np.einsum, next()
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    wrong = next((int(label) for label in labels if not 0 <= label < classes), None)
    if wrong is not None:
        raise ValueError(f"label {wrong} is not in 0..{classes - 1}")
    n, c, h, w = images.shape
    assert n <= size, "more examples than places"
    levels = (np.arange(256)[:, None] / 255 - np.asarray(mean)) / np.asarray(std)  # [256, C]
    image = np.zeros((size, h, w, c), np.float32)
    image[:n] = levels[np.einsum("nchw->nhwc", images), np.arange(c)]
    label = np.zeros(size, np.int32)
    label[:n] = labels
    return Batch(image=jnp.array(image), label=jnp.array(label), mask=jnp.array(np.arange(size) < n))


# %% right: jnp.pad after a normalisation of the channels first, other axes moved at the end
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if bad.size:
        raise ValueError("label " + str(labels[bad[0]]) + " is out of range")

    def fill(array):
        return jnp.pad(array, [(0, size - len(images))] + [(0, 0)] * (array.ndim - 1))

    def column(values):
        return jnp.asarray(values, jnp.float32)[:, None, None]

    pixels = jnp.asarray(images).astype(jnp.float32) / 255
    pixels = jnp.moveaxis((pixels - column(mean)) / column(std), -3, -1)
    real = jnp.ones(len(images), bool)
    return Batch(image=fill(pixels), label=fill(jnp.asarray(labels.astype(np.int32))), mask=fill(real))


# %% wrong: converts the labels to int32 before it checks them (for a label such as 2**32 + 1, which becomes 1)
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    labels = labels.astype(np.int32)
    bad = labels[(labels < 0) | (labels >= classes)]
    if len(bad):
        raise ValueError(f"bad label {bad[0]}")
    n = len(images)
    image = (images.transpose(0, 2, 3, 1) / 255 - np.array(mean)) / np.array(std)
    image = np.pad(image, ((0, size - n), (0, 0), (0, 0), (0, 0))).astype(np.float32)
    return Batch(
        image=jnp.asarray(image),
        label=jnp.asarray(np.pad(labels, (0, size - n))),
        mask=jnp.asarray(np.arange(size) < n),
    )


# %% wrong: the mask is where the picture is not blank (a real picture that is all black, bytes 0)
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"label {label} is not in 0..{classes - 1}")
    rest = size - len(images)
    padded = np.pad(images, ((0, rest), (0, 0), (0, 0), (0, 0)))
    mask = padded.any(axis=(1, 2, 3))
    image = (padded.transpose(0, 2, 3, 1).astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
    image = np.where(mask[:, None, None, None], image, 0)
    return Batch(jnp.asarray(image, jnp.float32), jnp.asarray(np.pad(labels, (0, rest)), jnp.int32), jnp.asarray(mask))


# %% right: a table of all 256 values for each channel, the channels stacked
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    first = next((int(each) for each in labels if each not in range(classes)), None)
    if first is not None:
        raise ValueError(f"{first}: no such class")
    levels = np.arange(256, dtype=np.float64) / 255
    tables = [((levels - centre) / spread).astype(np.float32) for centre, spread in zip(mean, std, strict=True)]
    image = np.stack([table[images[:, c]] for c, table in enumerate(tables)], axis=-1)
    rest = size - len(image)
    label = np.fromiter((*labels.tolist(), *[0] * rest), np.int32, size)
    image = jnp.pad(jnp.asarray(image), [(0, rest), (0, 0), (0, 0), (0, 0)])
    return Batch(mask=jnp.asarray([True] * len(labels) + [False] * rest), label=jnp.asarray(label), image=image)


# %% right: the message names the range before the label
def to_batch(images, labels, size, classes, mean, std) -> Batch:
    for label in labels.tolist():
        if not 0 <= label < classes:
            raise ValueError(f"expected 0 <= label < {classes}, got {label}")
    pixels = (images.transpose(0, 2, 3, 1) / 255 - np.asarray(mean)) / np.asarray(std)
    blanks = size - len(images)
    return Batch(
        jnp.asarray(np.pad(pixels, ((0, blanks), (0, 0), (0, 0), (0, 0))), jnp.float32),
        jnp.asarray(np.pad(labels, (0, blanks)), jnp.int32),
        jnp.arange(size) < len(images),
    )
