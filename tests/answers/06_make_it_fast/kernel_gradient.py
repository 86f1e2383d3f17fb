# %% right: nine einsums
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw = size
    h, w = dy.shape[1:3]
    rows = []
    for i in range(kh):
        row = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)]
        rows.append(jnp.stack(row))
    return jnp.stack(rows)


# %% right: tensordot into an array of zeros
def kernel_gradient(x, dy, size, padding):
    (top, bottom), (left, right) = padding
    _, h, w, k = dy.shape
    x = lax.pad(x, jnp.float32(0), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))
    result = jnp.zeros((*size, x.shape[-1], k))
    for i, j in np.ndindex(*size):
        part = lax.slice(x, (0, i, j, 0), (x.shape[0], i + h, j + w, x.shape[3]))
        result = result.at[i, j].set(jnp.tensordot(part, dy, axes=((0, 1, 2), (0, 1, 2))))
    return result


# %% right: all patches, one product
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    x = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    patches = jnp.concatenate([x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)], axis=-1)
    return (patches.reshape(b * h * w, -1).T @ dy.reshape(-1, k)).reshape(kh, kw, c, k)


# %% right: vmap twice with dynamic slices, jit inside
@partial(jax.jit, static_argnames=("size", "padding"))
def _gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0),) + padding + ((0, 0),))
    b, h, w, _ = dy.shape

    def at(i, j):
        part = lax.dynamic_slice(x, (0, i, j, 0), (b, h, w, x.shape[-1]))
        return lax.dot_general(part, dy, (((0, 1, 2), (0, 1, 2)), ((), ())))

    over_columns = jax.vmap(at, (None, 0))
    return jax.vmap(over_columns, (0, None))(jnp.arange(size[0]), jnp.arange(size[1]))


def kernel_gradient(x, dy, size, padding):
    size = tuple(int(each) for each in size)
    padding = tuple(tuple(int(side) for side in pair) for pair in padding)
    return _gradient(x, dy, size, padding)


# %% right: the transpose of products
def kernel_gradient(x, dy, size, padding):
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]

    def forward(kernel):
        return sum(
            padded[:, i : i + h, j : j + w] @ kernel[i, j] for i in range(size[0]) for j in range(size[1])
        )

    kernel = jax.ShapeDtypeStruct((*size, x.shape[-1], dy.shape[-1]), jnp.float32)
    return jax.linear_transpose(forward, kernel)(dy)[0]


# %% right: scan over the places
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    x = jnp.pad(x, ((0, 0), padding[0], padding[1], (0, 0)), mode="constant")
    flat = dy.reshape(-1, dy.shape[-1])

    def one(_, place):
        window = lax.dynamic_slice(x, (0, place // kw, place % kw, 0), (*dy.shape[:3], x.shape[-1]))
        return None, window.reshape(-1, x.shape[-1]).T @ flat

    return lax.scan(one, None, jnp.arange(kh * kw))[1].reshape(kh, kw, x.shape[-1], -1)


# %% right: fancy indices
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    rows = np.arange(size[0])[:, None] + np.arange(dy.shape[1])  # [kh, H']
    columns = np.arange(size[1])[:, None] + np.arange(dy.shape[2])
    windows = x[:, rows[:, None, :, None], columns[None, :, None, :]]  # [B, kh, kw, H', W', C]
    return jnp.einsum("bijhwc,bhwk->ijck", windows, dy)


# %% right: highest precision, grad of a plain sum
def kernel_gradient(x, dy, size, padding):
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]

    def inner(kernel):
        y = 0
        for i in range(size[0]):
            for j in range(size[1]):
                y += jnp.matmul(padded[:, i : i + h, j : j + w], kernel[i, j], precision=lax.Precision.HIGHEST)
        return jnp.vdot(y, dy)

    return jax.grad(inner)(jnp.zeros((*size, x.shape[-1], dy.shape[-1])))


# %% wrong: vjp of the convolution
def kernel_gradient(x, dy, size, padding):
    def conv(kernel):
        return lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    return jax.vjp(conv, jnp.zeros((*size, x.shape[-1], dy.shape[-1])))[1](dy)[0]


# %% wrong: patches by lax
def kernel_gradient(x, dy, size, padding):
    patches = lax.conv_general_dilated_patches(
        x, size, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )  # [B, H', W', C kh kw]
    result = jnp.einsum("bhwp,bhwk->pk", patches, dy).reshape(x.shape[-1], *size, -1)
    return result.transpose(1, 2, 0, 3)


# %% wrong: not padded
def kernel_gradient(x, dy, size, padding):
    h, w = dy.shape[1:3]
    h, w = min(h, x.shape[1] - size[0] + 1), min(w, x.shape[2] - size[1] + 1)
    return jnp.stack(
        [
            jnp.stack(
                [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy[:, :h, :w]) for j in range(size[1])]
            )
            for i in range(size[0])
        ]
    )


# %% wrong: turned by 180 degrees
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts[::-1]).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: columns first in the result
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw) for i in range(kh)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: the padding of rows and columns exchanged
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (h, w) = size, dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), padding[1], padding[0], (0, 0)))
    x = jnp.pad(x, ((0, 0), (0, h), (0, w), (0, 0)))
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: bottom and right before top and left
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (h, w) = size, dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), padding[0][::-1], padding[1][::-1], (0, 0)))
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: the mean over the batch
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1) / len(x)


# %% wrong: windows as large as x
def kernel_gradient(x, dy, size, padding):
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw = size
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: K before C
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->kc", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, dy.shape[-1], x.shape[-1])


# %% wrong: in bfloat16
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0))).astype(jnp.bfloat16)
    dy = dy.astype(jnp.bfloat16)
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1).astype(jnp.float32)


# %% wrong: rolled, not padded
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (h, w) = size, dy.shape[1:3]
    (top, _), (left, _) = padding

    def at(i, j):
        moved = jnp.roll(x, (top - i, left - j), axis=(1, 2))
        moved = jnp.pad(moved, ((0, 0), (0, max(0, h - x.shape[1])), (0, max(0, w - x.shape[2])), (0, 0)))
        return jnp.einsum("bhwc,bhwk->ck", moved[:, :h, :w], dy)

    return jnp.stack([jnp.stack([at(i, j) for j in range(kw)]) for i in range(kh)])


# %% wrong: the border repeated
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)), mode="edge")
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: 3 by 3 always
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(3) for j in range(3)]
    return jnp.stack(parts).reshape(3, 3, x.shape[-1], -1)


# %% wrong: padded by one on each side always
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: a convolution with x and dy transposed
def kernel_gradient(x, dy, size, padding):
    return lax.conv_general_dilated(x, dy, (1, 1), padding, dimension_numbers=("CHWN", "IHWO", "HWNC"))


# %% wrong: the first example only
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    (kh, kw), (h, w) = size, dy.shape[1:3]
    parts = [jnp.einsum("hwc,hwk->ck", x[0, i : i + h, j : j + w], dy[0]) for i in range(kh) for j in range(kw)]
    return jnp.stack(parts).reshape(kh, kw, x.shape[-1], -1)


# %% wrong: reshaped without transposing
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    x = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    patches = jnp.stack([x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)], axis=-1)  # [.., C, 9]
    return (patches.reshape(b * h * w, -1).T @ dy.reshape(-1, k)).reshape(kh, kw, c, k)


# %% wrong: one size for both directions
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]
    k = size[0]
    parts = [
        jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy[:, :, : x.shape[2] - j])
        for i in range(k)
        for j in range(k)
    ]
    return jnp.stack(parts).reshape(k, k, x.shape[-1], -1)


# %% wrong: top for left
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (top, bottom + 9), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: mean over places
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k) / (h * w)


# %% wrong: one off
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom + 1), (left, right + 1), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i + 1 : i + 1 + h, j + 1 : j + 1 + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: columns' flip only
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i : i + h, kw - 1 - j : kw - 1 - j + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: places not in the sum but i and j exchanged
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    x = jnp.pad(x, ((0, 0), (0, kw), (0, kh), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, j : j + h, i : i + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: strided
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    x = jnp.pad(x, ((0, 0), (0, h), (0, w), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i : i + 2 * h : 2, j : j + 2 * w : 2], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: centred, with the middle of the kernel as its place
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    p, q = (kh - 1) // 2, (kw - 1) // 2
    x = jnp.pad(x, ((0, 0), (p, kh + h), (q, kw + w), (0, 0)))
    return jnp.stack([jnp.einsum('bhwc,bhwk->ck', x[:, i : i + h, j : j + w], dy) for i in range(kh) for j in range(kw)]).reshape(kh, kw, c, k)


# %% wrong: jax.scipy correlate
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    import jax.scipy.signal as signal
    def one(xc, dk):
        return sum(signal.correlate(xc[n], dk[n], mode="valid") for n in range(b))
    over = jax.vmap(jax.vmap(one, (None, -1), -1), (-1, None), -2)
    return over(x, dy)


# %% wrong: by an FFT without zeros between: circular of x's size
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    xf = jnp.fft.rfft2(x, (x.shape[1] + top + bottom, x.shape[2] + left + right), axes=(1, 2))
    df = jnp.fft.rfft2(dy, (x.shape[1] + top + bottom, x.shape[2] + left + right), axes=(1, 2))
    full = jnp.fft.irfft2(jnp.einsum("bhwc,bhwk->hwck", xf, jnp.conj(df)), (x.shape[1] + top + bottom, x.shape[2] + left + right), axes=(0, 1))
    return full[:kh, :kw]


# %% right: by an FFT
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    s = x.shape[1:3]
    xf, df = jnp.fft.rfft2(x, s, axes=(1, 2)), jnp.fft.rfft2(dy, s, axes=(1, 2))
    full = jnp.fft.irfft2(jnp.einsum("bhwc,bhwk->hwck", xf, jnp.conj(df)), s, axes=(0, 1))
    return full[:kh, :kw]


# %% right: dy is moved, x stays padded
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    _, high, wide, _ = x.shape
    _, h, w, _ = dy.shape
    out = []
    for i in range(size[0]):
        for j in range(size[1]):
            moved = jnp.pad(dy, ((0, 0), (i, high - h - i), (j, wide - w - j), (0, 0)))
            out.append(jnp.einsum("...c,...k->ck", x, moved))
    return jnp.stack(out).reshape(*size, x.shape[-1], dy.shape[-1])


# %% right: lax.map over pictures, summed
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]

    def one(pair):
        picture, gradient = pair
        parts = [
            [jnp.tensordot(picture[i : i + h, j : j + w], gradient, 2 * [[0, 1]]) for j in range(size[1])]
            for i in range(size[0])
        ]
        return jnp.stack([jnp.stack(row) for row in parts])

    return lax.map(one, (x, dy)).sum(axis=0)


# %% right: products by broadcasting and sums
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    h, w = dy.shape[1:3]
    return jnp.stack(
        [
            jnp.stack(
                [(x[:, i : i + h, j : j + w, :, None] * dy[..., None, :]).sum((0, 1, 2)) for j in range(size[1])]
            )
            for i in range(size[0])
        ]
    )


# %% right: dot_general
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    x = lax.pad(x, jnp.float32(0), ((0, 0, 0), (*padding[0], 0), (*padding[1], 0), (0, 0, 0)))
    h, w = dy.shape[1:3]
    every = ((0, 1, 2), (0, 1, 2))
    return jnp.stack(
        [
            lax.dot_general(x[:, n // kw : n // kw + h, n % kw : n % kw + w], dy, (every, ((), ())))
            for n in range(kh * kw)
        ]
    ).reshape(kh, kw, x.shape[-1], dy.shape[-1])


# %% right: matrices by reshape and @
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    b, h, w, k = dy.shape
    x = jnp.pad(x, ((0, 0), padding[0], padding[1], (0, 0)))
    right = dy.reshape(-1, k)

    def product(i, j):
        left = lax.dynamic_slice(x, (0, i, j, 0), (b, h, w, x.shape[-1])).reshape(-1, x.shape[-1])
        return left.T @ right

    return jnp.array([[product(i, j) for j in range(kw)] for i in range(kh)])


# %% wrong: half the kernel as padding
# cause: "same" padding whatever padding says
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), (kh // 2, kh), (kw // 2, kw), (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: padded at the end only
# cause: all of the padding lies below and to the right
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), (0, sum(padding[0])), (0, sum(padding[1])), (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: PyTorch's layout
# cause: [K, C, kh, kw]
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->kc", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out).transpose(2, 3, 0, 1)


# %% wrong: not summed over the pictures
# cause: one gradient for each picture
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->bck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out).transpose(2, 0, 1, 3, 4)


# %% wrong: the gradient of the bias
# cause: dy is summed without x
def kernel_gradient(x, dy, size, padding):
    bias = dy.sum(axis=(0, 1, 2))
    return jnp.broadcast_to(bias, (*size, x.shape[-1], len(bias)))


# %% wrong: dy is padded
# cause: the padding belongs around x, not around dy
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    dy = jnp.pad(dy, ((0, 0), *padding, (0, 0)))
    out = [
        [
            jnp.einsum("bhwc,bhwk->ck", x[:, : dy.shape[1] - i, : dy.shape[2] - j], dy[:, i : i + x.shape[1], j : j + x.shape[2]])
            for j in range(kw)
        ]
        for i in range(kh)
    ]
    return jnp.array(out)


# %% wrong: outer product over places
# cause: places of x and dy are summed on their own before they are multiplied
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [
        [jnp.outer(x[:, i : i + h, j : j + w].sum((0, 1, 2)), dy.sum((0, 1, 2))) for j in range(kw)]
        for i in range(kh)
    ]
    return jnp.array(out)


# %% right: gather all windows with NumPy's indices, one einsum
def kernel_gradient(x, dy, size, padding):
    rows, columns = (np.add.outer(np.arange(k), np.arange(n)) for k, n in zip(size, dy.shape[1:3], strict=True))
    padded = jnp.pad(x, [(0, 0), *map(tuple, padding), (0, 0)])
    windows = padded[:, rows[:, :, None, None], columns]  # [B, kh, H', kw, W', C]
    return jnp.einsum("birjsc,brsk->ijck", windows, dy)


# %% right: lax.map over the positions of the kernel, lax.pad, dynamic_slice, dot_general
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (vertical, horizontal) = size, padding
    batch, height, width, _ = dy.shape
    padded = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*vertical, 0), (*horizontal, 0), (0, 0, 0)))
    axes = (0, 1, 2)

    def at(position):
        down, right = position // kw, position % kw
        zero = jnp.zeros_like(down)
        part = lax.dynamic_slice(padded, (zero, down, right, zero), (batch, height, width, x.shape[-1]))
        return lax.dot_general(part, dy, dimension_numbers=((axes, axes), ((), ())))

    return lax.map(at, jnp.arange(kh * kw)).reshape(kh, kw, x.shape[-1], dy.shape[-1])


# %% right: the products as one gather of all windows and one einsum
def kernel_gradient(x, dy, size, padding):
    padded = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)))
    rows = np.arange(size[0])[:, None] + np.arange(dy.shape[1])  # [kh, H']
    columns = np.arange(size[1])[:, None] + np.arange(dy.shape[2])  # [kw, W']
    windows = padded[:, rows][:, :, :, columns]  # [B, kh, H', kw, W', C]
    return jnp.einsum("birjsc,brsk->ijck", windows, dy)
