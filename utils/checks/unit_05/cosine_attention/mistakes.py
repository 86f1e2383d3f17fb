"""The mistakes that are made with `cosine_attention`, each with what tells it."""

from utils.checks.registry import Wrong


def _code(body: str) -> str:
    return f"""
def cosine_attention(q, k, v, logit_scale, bias, mask=None):
    unit = lambda x: x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x**2, axis=-1, keepdims=True), 1e-24))
    mask = 0.0 if mask is None else mask[:, None]
{body}
    return jnp.einsum("nhqk,nhkd->nhqd", jax.nn.softmax(logits, axis=-1), v)
"""


COSINE = '    cosine = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k))\n'

WRONG = (
    Wrong(
        "no clamp",
        says="not cut off",
        code=_code(COSINE + "    logits = cosine * jnp.exp(logit_scale) + bias + mask"),
    ),
    Wrong(
        "the factor is not exponentiated",
        says="is the logarithm of the factor",
        code=_code(COSINE + "    logits = cosine * jnp.minimum(logit_scale, math.log(100.0)) + bias + mask"),
    ),
    Wrong(
        "cut off at 10",
        says="cut off too early",
        code=_code(COSINE + "    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(10.0))) + bias + mask"),
    ),
    Wrong(
        "dot product",
        says="dot product",
        code=_code(
            '    dot = jnp.einsum("nhqd,nhkd->nhqk", q, k)\n'
            "    logits = dot * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias + mask"
        ),
    ),
    Wrong(
        "only the queries normalised",
        says="keys keep their length",
        code=_code(
            '    cosine = jnp.einsum("nhqd,nhkd->nhqk", unit(q), k)\n'
            "    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias + mask"
        ),
    ),
    Wrong(
        "divided by the root of D as well",
        says="no division by the root of D",
        code=_code(
            COSINE
            + "    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) / q.shape[-1] ** 0.5 + bias + mask"
        ),
    ),
    Wrong(
        "mask forgotten",
        says="mask has no effect",
        code=_code(COSINE + "    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias"),
    ),
    Wrong(
        "bias scaled too",
        says="bias is multiplied",
        code=_code(COSINE + "    logits = (cosine + bias) * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + mask"),
    ),
    Wrong(
        "softmax over the queries",
        says="over the queries",
        code="""
def cosine_attention(q, k, v, logit_scale, bias, mask=None):
    unit = lambda x: x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x**2, axis=-1, keepdims=True), 1e-24))
    mask = 0.0 if mask is None else mask[:, None]
    cosine = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k))
    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias + mask
    return jnp.einsum("nhqk,nhkd->nhqd", jax.nn.softmax(logits, axis=-2), v)
""",
    ),
    Wrong(
        "plain norm",
        says="zero vector",
        code="""
def cosine_attention(q, k, v, logit_scale, bias, mask=None):
    unit = lambda x: x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
    mask = 0.0 if mask is None else mask[:, None]
    cosine = jnp.einsum("nhqd,nhkd->nhqk", unit(q), unit(k))
    logits = cosine * jnp.exp(jnp.minimum(logit_scale, math.log(100.0))) + bias + mask
    return jnp.einsum("nhqk,nhkd->nhqd", jax.nn.softmax(logits, axis=-1), v)
""",
    ),
)
