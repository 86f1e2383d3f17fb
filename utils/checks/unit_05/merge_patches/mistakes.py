"""The mistakes that are made with `merge_patches`, each with what tells it."""

from utils.checks.registry import Wrong


def _code(body: str) -> str:
    return f"""
def merge_patches(x, kernel, scale, bias):
    def normal(x, epsilon=1e-5):
        x = x - x.mean(axis=-1, keepdims=True)
        return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + epsilon)

    a, b, c, d = x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]
{body}
"""


WRONG = (
    Wrong(
        "right before down",
        says="right, then down",
        code=_code("    return normal(jnp.concatenate([a, c, b, d], axis=-1) @ kernel) * scale + bias"),
    ),
    Wrong(
        "not normalised",
        says="not normalised",
        code=_code("    return jnp.concatenate([a, b, c, d], axis=-1) @ kernel"),
    ),
    Wrong(
        "normalised before the kernel",
        says="before it is multiplied",
        code=_code("    return normal(jnp.concatenate([a, b, c, d], axis=-1)) @ kernel * scale + bias"),
    ),
    Wrong(
        "Flax's epsilon",
        says="1e-6",
        code=_code("    return normal(jnp.concatenate([a, b, c, d], axis=-1) @ kernel, 1e-6) * scale + bias"),
    ),
    Wrong(
        "epsilon outside the root",
        says="inside the root",
        code=_code(
            "    y = jnp.concatenate([a, b, c, d], axis=-1) @ kernel\n"
            "    y = y - y.mean(axis=-1, keepdims=True)\n"
            "    return y / (jnp.sqrt(jnp.mean(y**2, axis=-1, keepdims=True)) + 1e-5) * scale + bias"
        ),
    ),
    Wrong(
        "unbiased variance",
        says="one less",
        code=_code(
            "    y = jnp.concatenate([a, b, c, d], axis=-1) @ kernel\n"
            "    return (y - y.mean(-1, keepdims=True)) * jax.lax.rsqrt(y.var(-1, ddof=1, keepdims=True) + 1e-5) * scale + bias"
        ),
    ),
    Wrong(
        "scale and bias left out",
        says="`scale` and `bias`",
        code=_code("    return normal(jnp.concatenate([a, b, c, d], axis=-1) @ kernel)"),
    ),
    Wrong(
        "a plain reshape",
        says="`reshape` alone",
        code=_code(
            "    B, H, W, C = x.shape\n    return normal(x.reshape(B, H // 2, W // 2, 4 * C) @ kernel) * scale + bias"
        ),
    ),
)
