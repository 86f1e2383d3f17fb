# %% right: windows last, argmax, one hot
def max_pool(x):
    def windows(x):
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, c, 4)

    @jax.custom_vjp
    def pool(x):
        return windows(x).max(-1)

    def forward(x):
        four = windows(x)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        four = jax.nn.one_hot(kept, 4) * dy[..., None]
        four = four.reshape(b, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return (four.reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: four slices, where, written back by at
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return jnp.maximum(
            jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2]), jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2])
        )

    def forward(x):
        best = x[:, ::2, ::2]
        winner = jnp.zeros(best.shape, jnp.int8)
        for number, other in enumerate((x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]), start=1):
            larger = other > best
            best = jnp.where(larger, other, best)
            winner = jnp.where(larger, jnp.int8(number), winner)
        return best, winner

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c), dy.dtype)
        for i in range(2):
            for j in range(2):
                dx = dx.at[:, i::2, j::2].set(jnp.where(winner == 2 * i + j, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: reduce_window, repeat and a pattern
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def forward(x):
        y = pool(x)
        is_it = [x[:, i::2, j::2] == y for i in (0, 1) for j in (0, 1)]
        which = jnp.select(is_it, [jnp.uint8(k) for k in range(4)])
        return y, which

    def backward(which, dy):
        def large(array):
            return jnp.repeat(jnp.repeat(array, 2, axis=1), 2, axis=2)

        h, w = 2 * dy.shape[1], 2 * dy.shape[2]
        pattern = 2 * (np.arange(h)[:, None] % 2) + np.arange(w) % 2
        return (large(dy) * (large(which) == pattern[None, :, :, None]),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: four bits in a byte
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        y = nn.max_pool(x, (2, 2), (2, 2))
        bits, taken = jnp.zeros(y.shape, jnp.uint8), jnp.zeros(y.shape, bool)
        for k in range(4):
            hit = (x[:, k // 2 :: 2, k % 2 :: 2] == y) & ~taken
            taken = taken | hit
            bits = bits | (hit.astype(jnp.uint8) << k)
        return y, (bits,)

    def backward(kept, dy):
        (bits,) = kept
        parts = [jnp.where((bits >> k) & 1, dy, 0.0) for k in range(4)]
        top = jnp.stack(parts[:2], axis=3)  # [B, h, w, 2, C]
        bottom = jnp.stack(parts[2:], axis=3)
        b, h, w, c = dy.shape
        return (jnp.stack([top, bottom], axis=2).reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: moveaxis on the wrong axis, so that rows and columns are mixed up
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        b, h, w, c = x.shape
        four = jnp.moveaxis(x.reshape(b, h // 2, 2, w // 2, 2, c), 4, 3).reshape(b, h // 2, w // 2, 4, c)
        winner = jnp.argmax(four, axis=3)
        y = jnp.take_along_axis(four, winner[..., None, :], axis=3)[..., 0, :]
        flat = winner.reshape(-1).astype(jnp.uint8)
        flat = jnp.pad(flat, (0, -flat.size % 4)).reshape(-1, 4)
        packed = (flat << jnp.array([0, 2, 4, 6], jnp.uint8)).sum(1, dtype=jnp.uint8)
        return y, packed

    def backward(packed, dy):
        b, h, w, c = dy.shape
        winner = ((packed[:, None] >> jnp.array([0, 2, 4, 6], jnp.uint8)) & 3).reshape(-1)[: dy.size].reshape(dy.shape)
        four = jnp.zeros((b, h, w, 4, c), dy.dtype)
        four = jnp.put_along_axis(four, winner[..., None, :].astype(int), dy[..., None, :], axis=3, inplace=False)
        four = four.reshape(b, h, w, 2, 2, c)
        return (four.swapaxes(2, 3).reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: kron-like with einsum, jit inside
def max_pool(x):
    @jax.custom_vjp
    @jax.jit
    def pool(x):
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    @jax.jit
    def forward(x):
        corners = jnp.stack([x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]])
        return corners.max(0), jnp.argmax(corners, axis=0).astype("uint8")

    @jax.jit
    def backward(kept, dy):
        one_hot = (kept == jnp.arange(4, dtype=jnp.uint8).reshape(2, 2, 1, 1, 1, 1)).astype(dy.dtype)
        dx = jnp.einsum("ijbhwc,bhwc->bhiwjc", one_hot, dy)
        b, h, w, c = dy.shape
        return (dx.reshape(b, h * 2, w * 2, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: the shape kept, too
def max_pool(x):
    def windows(x):
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, c, 4)

    @jax.custom_vjp
    def pool(x):
        return windows(x).max(-1)

    def forward(x):
        four = windows(x)
        return four.max(-1), (four.argmax(-1).astype(jnp.uint8), x.shape)

    def backward(kept, dy):
        winner, _ = kept
        b, h, w, c = dy.shape
        four = jax.nn.one_hot(winner, 4) * dy[..., None]
        four = four.reshape(b, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return (four.reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: shape from the closure
def max_pool(x):
    b, h, w, c = x.shape

    @jax.custom_vjp
    def pool(x):
        return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        dx = jnp.zeros((b, h, w, c))
        n, r, s, k = jnp.indices(dy.shape)
        return (dx.at[n, 2 * r + kept // 2, 2 * s + kept % 2, k].set(dy),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: keeps x
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        return pool(x), x

    def backward(x, dy):
        return jax.vjp(lambda x: nn.max_pool(x, (2, 2), (2, 2)), x)[1](dy)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: keeps a truth value for each pixel
def max_pool(x):
    def windows(x):
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, c, 4)

    @jax.custom_vjp
    def pool(x):
        return windows(x).max(-1)

    def forward(x):
        four = windows(x)
        return four.max(-1), jax.nn.one_hot(four.argmax(-1), 4, dtype=bool)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        four = jnp.where(kept, dy[..., None], 0)
        four = four.reshape(b, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return (four.reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: winners as int32
def max_pool(x):
    def windows(x):
        b, h, w, c = x.shape
        return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, c, 4)

    @jax.custom_vjp
    def pool(x):
        return windows(x).max(-1)

    def forward(x):
        four = windows(x)
        return four.max(-1), four.argmax(-1)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        four = jax.nn.one_hot(kept, 4) * dy[..., None]
        four = four.reshape(b, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return (four.reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: all of the largest get it
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        y = pool(x)
        bits = sum((x[:, k // 2 :: 2, k % 2 :: 2] == y).astype(jnp.uint8) << k for k in range(4))
        return y, bits

    def backward(bits, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where((bits >> k) & 1, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the last of the largest gets it
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        best, winner = x[:, ::2, ::2], jnp.uint8(0)
        for k in range(1, 4):
            other = x[:, k // 2 :: 2, k % 2 :: 2]
            winner = jnp.where(other >= best, jnp.uint8(k), winner)
            best = jnp.maximum(best, other)
        return best, winner

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: shared by the largest
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        y = pool(x)
        bits = sum((x[:, k // 2 :: 2, k % 2 :: 2] == y).astype(jnp.uint8) << k for k in range(4))
        return y, bits

    def backward(bits, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        many = sum((bits >> k) & 1 for k in range(4))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where((bits >> k) & 1, dy / many, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: JAX's own gradient
def max_pool(x):
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


# %% wrong: Flax's
def max_pool(x):
    return nn.max_pool(x, window_shape=(2, 2), strides=(2, 2))


# %% wrong: not a tuple
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return dx

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: column by column
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for j in range(2) for i in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k % 2 :: 2, k // 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: a quarter for each
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        return pool(x), None

    def backward(_, dy):
        return (jnp.repeat(jnp.repeat(dy / 4, 2, 1), 2, 2),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: winners read off one way, put back the other
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k % 2 :: 2, k // 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: reshaped back without transposing
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        return ((jax.nn.one_hot(winner, 4) * dy[..., None]).reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: backward reads x from around it
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        return pool(x), None

    def backward(_, dy):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        winner = four.argmax(-1)
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: windows overlap
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (1, 1))

    def forward(x):
        return pool(x), None

    def backward(_, dy):
        return (jnp.pad(dy, ((0, 0), (0, 1), (0, 1), (0, 0))),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the gradient is where the winner is, but 1, not dy
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.max(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set((winner == k).astype(jnp.float32))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the result kept beside the winners
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        y = four.max(-1)
        return y, (y, four.argmax(-1).astype(jnp.uint8))

    def backward(kept, dy):
        y, winner = kept
        b, h, w, c = y.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the mean in forward, the maximum in pool
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.mean(-1), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: padded with zeros before the maximum, so that negative windows give 0
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return lax.reduce_window(x, 0.0, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return pool(x), four.argmax(-1).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: forward returns what is kept first
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        return four.argmax(-1).astype(jnp.uint8), four.max(-1)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: defvjp forgotten
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    return pool(x)


# %% wrong: winner as float16
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmax(-1).astype(jnp.float16)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: forward returns a winner only
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: backward's arguments exchanged
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmax(-1).astype(jnp.uint8)

    def backward(dy, kept):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: defvjp's arguments exchanged
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(backward, forward)
    return pool(x)


# %% wrong: square maps only: height for width
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, _, c = dy.shape
        w = h
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the loser
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmin(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: numpy in forward
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return np.asarray(x).reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2, x.shape[3]).max((2, 4)), corners(x).argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: one gradient for the whole map: argmax over all
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        b, h, w, c = x.shape
        return pool(x), x.reshape(b, -1, c).argmax(1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 4 * h * w, c))
        return (dx.at[jnp.arange(b)[:, None], kept, jnp.arange(c)].set(dy.sum((1, 2))).reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: dy repeated, masked by nothing
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        return corners(x).max(-1), corners(x).argmax(-1).astype(jnp.uint8)

    def backward(kept, dy):
        return (jnp.repeat(jnp.repeat(dy, 2, 1), 2, 2),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: stop_gradient instead of a rule
def max_pool(x):
    b, h, w, c = x.shape
    four = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, c, 4)
    winner = lax.stop_gradient(four.argmax(-1).astype(jnp.uint8))
    return jnp.take_along_axis(four, winner[..., None].astype(int), -1)[..., 0]


# %% right: custom rule at module level
@jax.custom_vjp
def _pool(x):
    return _forward(x)[0]


def _forward(x):
    b, h, w, c = x.shape
    four = x.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(b, h // 2, w // 2, 4, c)
    return four.max(3), four.argmax(3).astype(jnp.uint8)


def _backward(winner, dy):
    b, h, w, c = dy.shape
    four = jnp.where(winner[:, :, :, None] == jnp.arange(4)[:, None], dy[:, :, :, None], 0)
    return (four.reshape(b, h, w, 2, 2, c).swapaxes(2, 3).reshape(b, 2 * h, 2 * w, c),)


_pool.defvjp(_forward, _backward)


def max_pool(x):
    return _pool(x)


# %% right: packed, repaired
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        b, h, w, c = x.shape
        four = x.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3).reshape(b, h // 2, w // 2, 4, c)
        winner = jnp.argmax(four, axis=3)
        y = jnp.take_along_axis(four, winner[..., None, :], axis=3)[..., 0, :]
        flat = winner.reshape(-1).astype(jnp.uint8)
        flat = jnp.pad(flat, (0, -flat.size % 4)).reshape(-1, 4)
        packed = (flat << jnp.array([0, 2, 4, 6], jnp.uint8)).sum(1, dtype=jnp.uint8)
        return y, packed

    def backward(packed, dy):
        b, h, w, c = dy.shape
        winner = ((packed[:, None] >> jnp.array([0, 2, 4, 6], jnp.uint8)) & 3).reshape(-1)[: dy.size].reshape(dy.shape)
        four = jnp.zeros((b, h, w, 4, c), dy.dtype)
        four = jnp.put_along_axis(four, winner[..., None, :].astype(int), dy[..., None, :], axis=3, inplace=False)
        four = four.reshape(b, h, w, 2, 2, c)
        return (four.swapaxes(2, 3).reshape(b, 2 * h, 2 * w, c),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: remat of a linear map: winner by cumulative compare
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def corners(x):
        return jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)

    def forward(x):
        y = pool(x)
        hit = corners(x) == y[..., None]
        first = hit & (jnp.cumsum(hit, -1) == 1)
        return y, (first * jnp.arange(4)).sum(-1).astype(jnp.uint8)

    def backward(kept, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(kept == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: ties dropped: nobody gets it
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)], -1)
        hit = four == four.max(-1, keepdims=True)
        return four.max(-1), jnp.where(hit.sum(-1) == 1, hit.argmax(-1), 4).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for k in range(4):
            dx = dx.at[:, k // 2 :: 2, k % 2 :: 2].set(jnp.where(winner == k, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: x kept in a global list
_kept = []


def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return nn.max_pool(x, (2, 2), (2, 2))

    def forward(x):
        _kept.append(x)
        return pool(x), None

    def backward(_, dy):
        return jax.vjp(lambda x: nn.max_pool(x, (2, 2), (2, 2)), _kept.pop())[1](dy)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: checkpoint, which keeps x
@jax.checkpoint
def max_pool(x):
    return nn.max_pool(x, (2, 2), (2, 2))


# %% right: pads with interior zeros
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        best, place = x[:, ::2, ::2], jnp.uint8(0)
        for number, (i, j) in enumerate([(0, 1), (1, 0), (1, 1)], start=1):
            other = x[:, i::2, j::2]
            place = jnp.where(other > best, jnp.uint8(number), place)
            best = jnp.maximum(best, other)
        return best, place

    def backward(place, dy):
        dx = 0.0
        for number, (i, j) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            part = jnp.where(place == number, dy, 0.0)
            dx += lax.pad(part, 0.0, ((0, 0, 0), (i, 1 - i, 1), (j, 1 - j, 1), (0, 0, 0)))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: a rule for the choice alone, the winner found outside of it
def max_pool(x):
    four = jnp.stack([x[:, i::2, j::2] for i in range(2) for j in range(2)])
    winner = lax.stop_gradient(four).argmax(0).astype(jnp.uint8)

    @jax.custom_vjp
    def choose(four, winner):
        return jnp.take_along_axis(four, winner[None].astype(jnp.int32), 0)[0]

    def forward(four, winner):
        return choose(four, winner), winner

    def backward(winner, dy):
        return jnp.where(jnp.arange(4, dtype=jnp.uint8).reshape(4, 1, 1, 1, 1) == winner, dy, 0.0), None

    choose.defvjp(forward, backward)
    return choose(four, winner)


# %% right: vmap over pictures
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return jax.vmap(one)(x)[0]

    def one(picture):
        h, w, c = picture.shape
        windows = picture.reshape(h // 2, 2, w // 2, 2, c).swapaxes(1, 2).reshape(h // 2, w // 2, 4, c)
        return windows.max(2), windows.argmax(2).astype(jnp.uint8)

    def backward(place, dy):
        def back(place, dy):
            h, w, c = dy.shape
            windows = (place[:, :, None] == jnp.arange(4)[:, None]) * dy[:, :, None]
            return windows.reshape(h, w, 2, 2, c).swapaxes(1, 2).reshape(2 * h, 2 * w, c)

        return (jax.vmap(back)(place, dy),)

    pool.defvjp(jax.vmap(one), backward)
    return pool(x)


# %% right: two winners to a byte
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        four = jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
        winner = four.argmax(0).astype(jnp.uint8).ravel()
        winner = jnp.pad(winner, (0, winner.size % 2))
        return four.max(0), winner[::2] + 4 * winner[1::2]

    def backward(packed, dy):
        winner = jnp.stack([packed % 4, packed // 4], axis=1).ravel()[: dy.size].reshape(dy.shape)
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c), dy.dtype)
        for n in range(4):
            dx = dx.at[:, n // 2 :: 2, n % 2 :: 2].add(dy * (winner == n))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: maximum of four slices
# cause: without a rule of its own much more is kept, and ties share the gradient
def max_pool(x):
    return jnp.maximum(
        jnp.maximum(x[:, ::2, ::2], x[:, ::2, 1::2]), jnp.maximum(x[:, 1::2, ::2], x[:, 1::2, 1::2])
    )


# %% wrong: the mean
# cause: the mean of the windows, not their largest number
def max_pool(x):
    def four(x):
        return jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])

    @jax.custom_vjp
    def pool(x):
        return four(x).mean(0)

    def forward(x):
        return pool(x), four(x).argmax(0).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for n in range(4):
            dx = dx.at[:, n // 2 :: 2, n % 2 :: 2].set(jnp.where(winner == n, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: the largest magnitude
# cause: the absolute value decides, so a large negative number wins
def max_pool(x):
    def four(x):
        return jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])

    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        winner = jnp.abs(four(x)).argmax(0)
        return jnp.take_along_axis(four(x), winner[None], 0)[0], winner.astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for n in range(4):
            dx = dx.at[:, n // 2 :: 2, n % 2 :: 2].set(jnp.where(winner == n, dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: halves of the map, not neighbours
# cause: x[:, :H/2] and x[:, H/2:] are no neighbours
def max_pool(x):
    b, h, w, c = x.shape

    @jax.custom_vjp
    def pool(x):
        return forward(x)[0]

    def forward(x):
        four = jnp.stack([x[:, i : i + h // 2, j : j + w // 2] for i in (0, h // 2) for j in (0, w // 2)])
        return four.max(0), four.argmax(0).astype(jnp.uint8)

    def backward(winner, dy):
        four = [jnp.where(winner == n, dy, 0) for n in range(4)]
        return (jnp.concatenate([jnp.concatenate(four[:2], 2), jnp.concatenate(four[2:], 2)], 1),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% wrong: squared gradient
# cause: dy is multiplied with the winner's number
def max_pool(x):
    def four(x):
        return jnp.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])

    @jax.custom_vjp
    def pool(x):
        return four(x).max(0)

    def forward(x):
        return pool(x), four(x).argmax(0).astype(jnp.uint8)

    def backward(winner, dy):
        b, h, w, c = dy.shape
        dx = jnp.zeros((b, 2 * h, 2 * w, c))
        for n in range(4):
            dx = dx.at[:, n // 2 :: 2, n % 2 :: 2].set(jnp.where(winner == n, n * dy, 0))
        return (dx,)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: argmax of the window as uint8, comparison with a range on the way back
def max_pool(x):
    def windows(x):
        batch, height, width, channels = x.shape
        x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
        return x.transpose(0, 1, 3, 5, 2, 4).reshape(batch, height // 2, width // 2, channels, 4)

    @jax.custom_vjp
    def pool(x):
        return windows(x).max(axis=-1)

    def forward(x):
        four = windows(x)
        which = jnp.argmax(four, axis=-1)
        return four.max(axis=-1), which.astype(jnp.uint8)

    def backward(kept, dy):
        batch, height, width, channels = dy.shape
        four = jnp.where(kept[..., None] == jnp.arange(4, dtype=jnp.uint8), dy[..., None], 0)
        four = four.reshape(batch, height, width, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return (four.reshape(batch, 2 * height, 2 * width, channels),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: a tournament of four strided slices, reduce_window, two bits in an int8
def max_pool(x):
    @jax.custom_vjp
    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def forward(x):
        (a, b), (c, d) = [[x[:, i::2, j::2] for j in (0, 1)] for i in (0, 1)]
        top, bottom = jnp.maximum(a, b), jnp.maximum(c, d)
        lower = bottom > top
        right = jnp.where(lower, d > c, b > a)
        return jnp.maximum(top, bottom), 2 * lower.astype(jnp.int8) + right.astype(jnp.int8)

    def backward(kept, dy):
        dx = jnp.zeros((dy.shape[0], 2 * dy.shape[1], 2 * dy.shape[2], dy.shape[3]), dy.dtype)
        for place, (i, j) in enumerate(np.ndindex(2, 2)):
            dx = dx.at[:, i::2, j::2].set(jnp.where(kept == place, dy, 0.0))
        return (dx,)

    pool.defvjp(fwd=forward, bwd=backward)
    return pool(x)


# %% wrong: finds the largest value in bfloat16 (two values of a window less than a percent apart, the larger one later)
def max_pool(x):
    def four(x):
        B, H, W, C = x.shape
        return x.reshape(B, H // 2, 2, W // 2, 2, C).transpose(0, 1, 3, 5, 2, 4).reshape(B, H // 2, W // 2, C, 4)

    @jax.custom_vjp
    def pool(x):
        return four(x).max(axis=-1)

    def forward(x):
        parts = four(x)
        return parts.max(axis=-1), jnp.argmax(parts.astype(jnp.bfloat16), axis=-1).astype(jnp.int8)

    def backward(kept, dy):
        B, h, w, C = dy.shape
        dx = jax.nn.one_hot(kept, 4, dtype=dy.dtype) * dy[..., None]
        return (dx.reshape(B, h, w, C, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(B, 2 * h, 2 * w, C),)

    pool.defvjp(forward, backward)
    return pool(x)


# %% right: two bits for each element, four elements in a byte; dx by comparing with the pixel's place
def max_pool(x):
    def largest(x):
        return jnp.maximum(
            jnp.maximum(x[:, 0::2, 0::2], x[:, 0::2, 1::2]), jnp.maximum(x[:, 1::2, 0::2], x[:, 1::2, 1::2])
        )

    @jax.custom_vjp
    def pool(x):
        return largest(x)

    def forward(x):
        y = largest(x)
        which = jnp.full(y.shape, 3, jnp.uint8)
        for number, (i, j) in reversed(list(enumerate([(0, 0), (0, 1), (1, 0)]))):
            which = jnp.where(x[:, i::2, j::2] == y, jnp.uint8(number), which)
        flat = which.reshape(-1)
        flat = jnp.pad(flat, (0, -flat.size % 4)).reshape(-1, 4)
        return y, flat[:, 0] | flat[:, 1] << 2 | flat[:, 2] << 4 | flat[:, 3] << 6

    def backward(kept, dy):
        shifts = jnp.array([0, 2, 4, 6], jnp.uint8)
        which = ((kept[:, None] >> shifts) & 3).reshape(-1)[: dy.size].reshape(dy.shape)

        def enlarge(array):
            return jnp.repeat(jnp.repeat(array, 2, axis=1), 2, axis=2)

        place = np.indices((2 * dy.shape[1], 2 * dy.shape[2])) % 2
        place = (2 * place[0] + place[1]).astype(np.uint8)[None, :, :, None]
        return (jnp.where(enlarge(which) == place, enlarge(dy), 0),)

    pool.defvjp(forward, backward)
    return pool(x)
