# %% right: einsum for each place of the kernel
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1], dy.shape[2]
    x = jnp.pad(x, [(0, 0), padding[0], padding[1], (0, 0)])
    rows = []
    for i in range(kh):
        rows.append(jnp.stack([jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)]))
    return jnp.stack(rows)


# %% right: tensordot, written into zeros
def kernel_gradient(x, dy, size, padding):
    _, height, width, k = dy.shape
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = jnp.zeros((*size, x.shape[-1], k))
    for i in range(size[0]):
        for j in range(size[1]):
            window = padded[:, i : i + height, j : j + width, :]
            out = out.at[i, j].set(jnp.tensordot(window, dy, axes=((0, 1, 2), (0, 1, 2))))
    return out


# %% right: one product with patches
def kernel_gradient(x, dy, size, padding):
    (kh, kw), (b, h, w, k), c = size, dy.shape, x.shape[-1]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    patches = jnp.concatenate([x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)], axis=-1)
    return (patches.reshape(b * h * w, -1).T @ dy.reshape(b * h * w, k)).reshape(kh, kw, c, k)


# %% right: gather of windows
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    rows = jnp.arange(dy.shape[1])[:, None] + jnp.arange(size[0])  # [H', kh]
    columns = jnp.arange(dy.shape[2])[:, None] + jnp.arange(size[1])  # [W', kw]
    windows = x[:, rows][:, :, :, columns]  # [B, H', kh, W', kw, C]
    return jnp.einsum("bhiwjc,bhwk->ijck", windows, dy)


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


# %% right: vmap over the kernel's places
def kernel_gradient(x, dy, size, padding):
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))

    def at(i, j):
        window = lax.dynamic_slice(x, (0, i, j, 0), (*dy.shape[:3], x.shape[-1]))
        return jnp.einsum("bhwc,bhwk->ck", window, dy)

    return jax.vmap(lambda i: jax.vmap(lambda j: at(i, j))(jnp.arange(size[1])))(jnp.arange(size[0]))


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


# %% right: the gradient of a convolution written with products
def kernel_gradient(x, dy, size, padding):
    h, w = dy.shape[1:3]
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))

    def convolution(kernel):
        return sum(
            padded[:, i : i + h, j : j + w] @ kernel[i, j] for i in range(size[0]) for j in range(size[1])
        )

    zero = jnp.zeros((*size, x.shape[-1], dy.shape[-1]))
    return jax.vjp(convolution, zero)[1](dy)[0]


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


# %% wrong: vjp of lax's convolution
# cause: there is a convolution in the program
def kernel_gradient(x, dy, size, padding):
    def f(k):
        return lax.conv_general_dilated(x, k, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    return jax.vjp(f, jnp.zeros((*size, x.shape[-1], dy.shape[-1])))[1](dy)[0]


# %% wrong: patches by lax
# cause: conv_general_dilated_patches is a convolution
def kernel_gradient(x, dy, size, padding):
    c, k = x.shape[-1], dy.shape[-1]
    patches = lax.conv_general_dilated_patches(
        x, size, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jnp.einsum("bhwp,bhwk->pk", patches, dy).reshape(c, *size, k).transpose(1, 2, 0, 3)


# %% wrong: x as the map, dy as the kernel
# cause: a convolution with dy as its kernel, which is what XLA does
def kernel_gradient(x, dy, size, padding):
    out = lax.conv_general_dilated(x, dy, (1, 1), padding, dimension_numbers=("CHWN", "IHWO", "NHWC"))
    return out.transpose(1, 2, 0, 3)


# %% wrong: flipped
# cause: the kernel is flipped, as in a convolution of mathematics
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.flip(jnp.array(out), (0, 1))


# %% wrong: the mean over the pictures
# cause: divided by B
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out) / len(x)


# %% wrong: the mean over all places
# cause: divided by B·H'·W'
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [
        [(x[:, i : i + h, j : j + w, :, None] * dy[..., None, :]).mean((0, 1, 2)) for j in range(kw)]
        for i in range(kh)
    ]
    return jnp.array(out)


# %% wrong: no padding
# cause: x is not padded, so slices at the edge are too short or shifted
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: half the kernel as padding
# cause: "same" padding whatever padding says
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), (kh // 2, kh), (kw // 2, kw), (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: top and left exchanged
# cause: the padding of rows and columns is exchanged
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), padding[1], padding[0], (0, 0)))
    out = [
        [jnp.einsum("bhwc,bhwk->ck", lax.dynamic_slice(x, (0, i, j, 0), (len(x), h, w, x.shape[-1])), dy) for j in range(kw)]
        for i in range(kh)
    ]
    return jnp.array(out)


# %% wrong: padded at the end only
# cause: all of the padding lies below and to the right
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), (0, sum(padding[0])), (0, sum(padding[1])), (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: padded with the edge
# cause: the edge is repeated; zeros are wanted
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)), mode="edge")
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: rolled
# cause: jnp.roll brings the far edge in where zeros belong
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    (top, bottom), (left, right) = padding
    x = jnp.pad(x, ((0, 0), (0, top + bottom), (0, left + right), (0, 0)), mode="wrap")
    x = jnp.roll(x, (top, left), (1, 2))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: channels of the result first
# cause: [kh, kw, K, C] in place of [kh, kw, C, K]
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->kc", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: PyTorch's layout
# cause: [K, C, kh, kw]
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->kc", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out).transpose(2, 3, 0, 1)


# %% wrong: rows and columns of the kernel exchanged
# cause: i moves along the columns and j along the rows
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for i in range(kh)] for j in range(kw)]
    return jnp.array(out)


# %% wrong: not summed over the pictures
# cause: one gradient for each picture
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->bck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out).transpose(2, 0, 1, 3, 4)


# %% wrong: the first picture alone
# cause: only x[0] and dy[0] are used
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x[0], (*padding, (0, 0)))
    out = [[jnp.einsum("hwc,hwk->ck", x[i : i + h, j : j + w], dy[0]) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


# %% wrong: the gradient of the bias
# cause: dy is summed without x
def kernel_gradient(x, dy, size, padding):
    bias = dy.sum(axis=(0, 1, 2))
    return jnp.broadcast_to(bias, (*size, x.shape[-1], len(bias)))


# %% wrong: padding (1, 1) always
# cause: pads by 1 on each side, whatever padding says
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = [
        [jnp.einsum("bhwc,bhwk->ck", lax.dynamic_slice(x, (0, i, j, 0), (len(x), h, w, x.shape[-1])), dy) for j in range(kw)]
        for i in range(kh)
    ]
    return jnp.array(out)


# %% wrong: a 3×3 kernel always
# cause: size plays no part
def kernel_gradient(x, dy, size, padding):
    h, w = dy.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [
        [jnp.einsum("bhwc,bhwk->ck", lax.dynamic_slice(x, (0, i, j, 0), (len(x), h, w, x.shape[-1])), dy) for j in range(3)]
        for i in range(3)
    ]
    return jnp.array(out)


# %% wrong: windows of x's size
# cause: the windows have the size of x, not of dy
def kernel_gradient(x, dy, size, padding):
    kh, kw = size
    h, w = x.shape[1:3]
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    out = [[jnp.einsum("bhwc,bhwk->ck", x[:, i : i + h, j : j + w], dy) for j in range(kw)] for i in range(kh)]
    return jnp.array(out)


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
