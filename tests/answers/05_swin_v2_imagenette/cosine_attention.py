# %% right: `maximum` inside the root
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-24))

    logits = unit(q) @ unit(k).swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    if mask is not None:
        logits = logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% right: einsum throughout
def cosine_attention(q, k, v, logit_scale, bias, mask=None):
    def unit(x):
        square = jnp.einsum("nhtd,nhtd->nht", x, x)
        return x / jnp.sqrt(jnp.maximum(square, 1e-24))[..., None]

    cosine = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k))
    logits = cosine * jnp.exp(jnp.clip(logit_scale, max=jnp.log(100.0))) + bias[None]
    logits = logits if mask is None else logits + jnp.expand_dims(mask, 1)
    return jnp.einsum("nhqk,nhkd->nhqd", nn.softmax(logits), v)


# %% right: `optax.safe_norm`
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x / optax.safe_norm(x, 1e-12, axis=-1, keepdims=True) for x in (q, k))
    logits = jnp.matmul(q, jnp.swapaxes(k, 2, 3)) * jnp.exp(jnp.minimum(logit_scale, np.log(100))) + bias
    if mask is None:
        return jnp.matmul(nn.softmax(logits, axis=-1), v)
    return jnp.matmul(nn.softmax(logits + mask[:, None, :, :], axis=-1), v)


# %% right: `where` twice
def _length(x):
    square = jnp.sum(jnp.square(x), -1, keepdims=True)
    tiny = square < 1e-24
    return jnp.where(tiny, 1e-12, jnp.sqrt(jnp.where(tiny, 1.0, square)))


def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    cosine = jnp.einsum("...qd,...kd->...qk", q / _length(q), k / _length(k))
    factor = jnp.exp(jnp.where(logit_scale > math.log(100), math.log(100), logit_scale))
    extra = bias[None] if mask is None else bias[None] + mask[:, None]
    return jax.nn.softmax(cosine * factor + extra, axis=-1) @ v


# %% right: the library's attention, its own scale off
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        return x / jnp.sqrt(jnp.maximum(jnp.square(x).sum(-1, keepdims=True), 1e-24))

    q = unit(q) * jnp.exp(jnp.minimum(logit_scale, math.log(100)))
    bias = bias[None] if mask is None else bias[None] + mask[:, None]
    bias = jnp.broadcast_to(bias, (q.shape[0], *bias.shape[1:])).astype(jnp.float32)
    q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q, unit(k), v))
    return jnp.swapaxes(jax.nn.dot_product_attention(q, k, v, bias=bias, scale=1.0), 1, 2)


# %% right: `vmap` over windows and heads
def _one(q, k, v, scale, bias, mask):
    def unit(x):
        return x / jnp.sqrt(jnp.maximum(x @ x, 1e-24))

    logits = jax.vmap(unit)(q) @ jax.vmap(unit)(k).T * jnp.exp(jnp.minimum(scale, math.log(100.0))) + bias + mask
    return jax.nn.softmax(logits, axis=1) @ v


def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    mask = jnp.zeros((q.shape[0], q.shape[2], q.shape[2])) if mask is None else mask
    heads = jax.vmap(_one, in_axes=(0, 0, 0, 0, 0, None))
    return jax.vmap(heads, in_axes=(0, 0, 0, None, None, 0))(q, k, v, logit_scale.reshape(-1), bias, mask)


# %% right: a loop over heads
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    results = []
    for head in range(q.shape[1]):
        a, b = q[:, head], k[:, head]
        a = a * jax.lax.rsqrt(jnp.maximum((a**2).sum(-1, keepdims=True), 1e-24))
        b = b * jax.lax.rsqrt(jnp.maximum((b**2).sum(-1, keepdims=True), 1e-24))
        logits = a @ b.transpose(0, 2, 1) * jnp.exp(jnp.minimum(logit_scale[head], math.log(100))) + bias[head]
        if mask is not None:
            logits += mask
        results.append(jax.nn.softmax(logits, -1) @ v[:, head])
    return jnp.stack(results, axis=1)


# %% right: own softmax, less its maximum
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    unit = lambda x: x / jnp.maximum(jnp.sum(x**2, -1, keepdims=True), 1e-24) ** 0.5  # noqa: E731
    logits = jnp.exp(jnp.minimum(logit_scale, 4.605170185988092)) * jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k))
    logits += bias
    if mask is not None:
        logits += mask[:, jnp.newaxis]
    powers = jnp.exp(logits - jax.lax.stop_gradient(logits.max(-1, keepdims=True)))
    return powers @ v / powers.sum(-1, keepdims=True)


# %% right: compiled
@jax.jit
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    squares = jnp.sum(q * q, -1)[..., :, None], jnp.sum(k * k, -1)[..., None, :]
    inverse = [jax.lax.rsqrt(jnp.maximum(s, 1e-24)) for s in squares]
    logits = (q * inverse[0]) @ (jnp.swapaxes(k, -1, -2) * inverse[1])
    logits = logits * jnp.exp(jnp.minimum(logit_scale, jnp.log(100.0))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits) @ v


# %% right: one window after the other with `lax.map`
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    factor = jnp.exp(jax.lax.min(logit_scale, jnp.full_like(logit_scale, math.log(100))))
    mask = jnp.zeros((len(q), 1, 1)) if mask is None else mask

    def unit(x):
        return x / jnp.sqrt(jnp.clip(jnp.sum(x * x, axis=-1, keepdims=True), 1e-24))

    def window(each):
        q, k, v, mask = each
        return jax.nn.softmax(unit(q) @ unit(k).mT * factor + bias + mask, axis=-1) @ v

    return jax.lax.map(window, (q, k, v, mask))


# %% right: a callable dataclass
from dataclasses import dataclass


@dataclass(frozen=True)
class _CosineAttention:
    largest: float = 100.0
    shortest: float = 1e-12

    def unit(self, x):
        return x * jax.lax.rsqrt(jnp.maximum(jnp.square(x).sum(-1, keepdims=True), self.shortest**2))

    def __call__(self, q, k, v, logit_scale, bias, mask=None):
        logits = jnp.einsum("bhid,bhjd->bhij", self.unit(q), self.unit(k))
        logits = logits * jnp.exp(jnp.minimum(logit_scale, math.log(self.largest)))
        for extra in (bias[None], None if mask is None else mask[:, None]):
            logits = logits if extra is None else logits + extra
        return jnp.einsum("bhij,bhjd->bhid", jax.nn.softmax(logits, -1), v)


cosine_attention = _CosineAttention()

# %% right: careful float32 and `logsumexp`
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k, v, logit_scale, bias = (jnp.asarray(x, jnp.float32) for x in (q, k, v, logit_scale, bias))
    length = lambda x: jnp.sqrt(jnp.maximum(jnp.sum(x * x, axis=-1), jnp.float32(1e-24)))[..., None]  # noqa: E731
    logits = jnp.matmul(q / length(q), jnp.swapaxes(k / length(k), -1, -2), precision="highest")
    logits = logits * jnp.exp(jnp.minimum(logit_scale, jnp.float32(math.log(100.0)))) + bias
    if mask is not None:
        logits = logits + jnp.asarray(mask, jnp.float32)[:, None, :, :]
    weights = jnp.exp(logits - jax.nn.logsumexp(logits, axis=-1, keepdims=True))
    return jnp.matmul(weights, v, precision="highest")


# %% wrong: dot product
# cause: the scaled dot product of version 1 instead of the cosine: q and k are not brought to length 1
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    logits = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: logarithm as factor
# cause: logit_scale is the logarithm of the factor, the exponential is missing
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.minimum(logit_scale, 100.0) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: factor without limit
# cause: the factor is not cut off at 100
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(logit_scale) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: logarithm cut off at 100
# cause: the logarithm is cut off at 100 instead of at log 100, so the factor may be e¹⁰⁰
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, 100.0)) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: limit with the decadic logarithm
# cause: log₁₀ 100 = 2 instead of the natural logarithm: the factor is cut off at e² = 7.4
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log10(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: maximum for minimum
# cause: maximum instead of minimum: the factor is at least 100 instead of at most
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.maximum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: limited from below too
# cause: the logarithm is clipped to 0 … log 100, but factors below 1 are allowed
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.clip(logit_scale, 0.0, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: length along the tokens
# cause: the length is taken along the tokens (axis -2) instead of along the D numbers of a token
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-2, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: one length for all
# cause: one length for the whole array instead of one for each vector
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: only queries of length 1
# cause: only the queries are brought to length 1, the keys keep their lengths
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q = q * jax.lax.rsqrt(jnp.maximum((q * q).sum(-1, keepdims=True), 1e-24))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: `maximum` outside of the norm
# cause: maximum is taken outside of the root, so the gradient of a zero vector's length is NaN
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: zero vectors give NaN
# cause: nothing keeps the length from being zero: a zero vector gives 0/0 = NaN
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x / jnp.linalg.norm(x, axis=-1, keepdims=True) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: one `where` is not enough
# cause: jnp.where around the division hides the NaN in the value only; the gradient still goes through 0/0
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        length = jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))
        return jnp.where(length > 1e-12, x / length, x / 1e-12)

    logits = unit(q) @ unit(k).swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: something added to the length
# cause: 1e-6 is added to the length; nothing is to be added, the length is to be at least 1e-12
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        return x / (jnp.sqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-24)) + 1e-6)

    logits = unit(q) @ unit(k).swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: something added in the root
# cause: 1e-12 is added to the squares, which makes short vectors' lengths too great (10⁻⁶ for a zero vector)
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt((x * x).sum(-1, keepdims=True) + 1e-12) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: limit of the length not squared
# cause: inside the root the limit must be squared (1e-24); with 1e-12 there the length is at least 1e-6
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-12)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: mean for sum in the length
# cause: the mean of the squares instead of their sum: vectors get the length √D instead of 1
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).mean(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: sum of magnitudes as length
# cause: the sum of the magnitudes (1-norm) is used as length instead of the root of the sum of squares
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x / jnp.maximum(jnp.abs(x).sum(-1, keepdims=True), 1e-12) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: length as a constant
# cause: stop_gradient around the length: values are right, but the gradient by q and k is that of a mere scaling
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        return x * jax.lax.stop_gradient(jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, -1, keepdims=True), 1e-24)))

    logits = unit(q) @ unit(k).swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: mask ignored
# cause: the mask is not added
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: mask laid along the heads
# cause: the mask lacks an axis for the heads (mask[:, None]); its windows are matched with heads, or nothing fits
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: one window's mask for all
# cause: the first window's mask is used for all windows
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:1, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: mask after the softmax
# cause: strangers are set to zero after the softmax, so the weights of a row no longer add up to 1
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    weights = jax.nn.softmax(logits, axis=-1)
    return (weights if mask is None else weights * (mask[:, None] == 0)) @ v


# %% wrong: truth of an array
# cause: `if mask` asks for the truth of a whole array, which raises; `mask is not None` is meant
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    if mask:
        logits = logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: a mask is required
# cause: the case that mask is None is forgotten
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: bias times the factor
# cause: the bias is added before the factor and multiplied by it too
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = (q @ k.swapaxes(-1, -2) + bias) * jnp.exp(jnp.minimum(logit_scale, math.log(100)))
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: bias of key and query
# cause: the bias is transposed: that of (key, query) is added for (query, key)
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias.swapaxes(-1, -2)
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: softmax over queries
# cause: the softmax runs over the queries (axis -2) instead of over the keys
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-2) @ v


# %% wrong: softmax over heads
# cause: the softmax runs over the heads (axis 1) instead of over the keys
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=1) @ v


# %% wrong: softmax that overflows
# cause: exponentials of logits up to 116 without subtracting the maximum: e¹¹⁶ is inf in float32, then NaN
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    powers = jnp.exp(logits if mask is None else logits + mask[:, None])
    return powers / powers.sum(-1, keepdims=True) @ v


# %% wrong: divided by √D too
# cause: the cosine is divided by √D as a dot product would be; the learnt factor takes its place
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5 * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: values of length 1
# cause: the values are brought to length 1 too; only queries and keys are
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k, v = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k, v))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: heads merged
# cause: the heads are put together to [N, T, heads · D] already; the task wants [N, heads, T, D]
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return (jax.nn.softmax(logits, axis=-1) @ v).swapaxes(1, 2).reshape(v.shape[0], v.shape[2], -1)


# %% wrong: the first head's factor for all
# cause: all heads use the first head's factor
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale[0], math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1) @ v


# %% wrong: weights instead of values
# cause: the attention weights are returned, not yet multiplied by v
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    q, k = (x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-24)) for x in (q, k))
    logits = q @ k.swapaxes(-1, -2) * jnp.exp(jnp.minimum(logit_scale, math.log(100))) + bias
    logits = logits if mask is None else logits + mask[:, None]
    return jax.nn.softmax(logits, axis=-1)


# %% right: einsum, length from the clamped square, exp and logsumexp instead of softmax
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    def unit(x):
        square = jnp.einsum("nhtd,nhtd->nht", x, x)[..., None]
        return x / jnp.sqrt(jnp.where(square > 1e-24, square, 1e-24))

    factor = jnp.exp(jnp.where(logit_scale < math.log(100), logit_scale, math.log(100)))
    logits = factor * jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k)) + bias[None]
    if mask is not None:
        logits += jnp.expand_dims(mask, axis=1)
    weights = jnp.exp(logits - jax.scipy.special.logsumexp(logits, axis=-1, keepdims=True))
    return jnp.einsum("nhqk,nhkd->nhqd", weights, v)


# %% right: one head of one window, twice vmapped, lax.rsqrt and lax.max
def cosine_attention(q, k, v, logit_scale, bias, mask=None) -> jax.Array:
    if mask is None:
        mask = jnp.zeros((q.shape[0], q.shape[2], k.shape[2]), q.dtype)

    def normalise(vector):
        return vector * jax.lax.rsqrt(jax.lax.max(jnp.vdot(vector, vector), jnp.float32(1e-24)))

    def one(q, k, v, scale, bias, mask):
        cosine = jax.vmap(normalise)(q) @ jax.vmap(normalise)(k).T
        factor = jnp.exp(jnp.minimum(scale.reshape(()), np.log(100.0)))
        return jax.nn.softmax(factor * cosine + (bias + mask), axis=-1) @ v

    heads = jax.vmap(one, in_axes=(0, 0, 0, 0, 0, None))
    return jax.vmap(heads, in_axes=(0, 0, 0, None, None, 0))(q, k, v, logit_scale, bias, jnp.asarray(mask))


# %% right: the products first, then divided by both lengths; the softmax by log-sum-exp, heads and windows under vmap
def cosine_attention(q, k, v, logit_scale, bias, mask=None):
    def length(x):
        squares = jnp.einsum("td,td->t", x, x)
        some = squares > 1e-24
        return jnp.where(some, jnp.sqrt(jnp.where(some, squares, 1.0)), 1e-12)

    def head(q, k, v, factor, bias, extra):
        cosine = (q / length(q)[:, None]) @ (k / length(k)[:, None]).T
        logits = factor * cosine + bias + extra
        return jnp.exp(logits - jax.nn.logsumexp(logits, axis=1, keepdims=True)) @ v

    factor = jnp.exp(jnp.minimum(logit_scale.reshape(-1), np.log(100).astype(np.float32)))
    extra = jnp.zeros((len(q), 1, 1)) if mask is None else mask
    heads = jax.vmap(head, in_axes=(0, 0, 0, 0, 0, None))
    return jax.vmap(heads, in_axes=(0, 0, 0, None, None, 0))(q, k, v, factor, bias, extra)
