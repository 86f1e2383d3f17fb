"""The mistakes that are made with `double_conv`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "no ReLU after the first",
        says="after the first convolution",
        code="""
def double_conv(x, channels):
    x = hk.Conv2D(channels, 3)(x)
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)
""",
    ),
    Wrong(
        "no ReLU at all",
        says="no ReLU in it",
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = hk.Conv2D(channels, 3)(x)
    return max_pool(x)
""",
    ),
    Wrong(
        "no ReLU after the second",
        says="after the second convolution",
        code="""
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(hk.Conv2D(channels, 3)(x))
""",
    ),
    Wrong(
        "one layer called twice",
        says="Its layers are `conv2_d`; ",
        code="""
def double_conv(x, channels):
    conv = hk.Conv2D(channels, 3)
    x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))
    x = jax.nn.relu(conv(x))
    return max_pool(jax.nn.relu(conv(x)))
""",
    ),
    Wrong(
        "the layer is called before there are channels",
        says="It raised",
        code="""
def double_conv(x, channels):
    conv = hk.Conv2D(channels, 3)
    return max_pool(jax.nn.relu(conv(jax.nn.relu(conv(x)))))
""",
    ),
    Wrong(
        "the mean instead of the maximum",
        says="takes the mean",
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return hk.avg_pool(x, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
""",
    ),
    Wrong(
        "no pooling",
        says="Is the pooling missing",
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return x
""",
    ),
    Wrong(
        "a pooling after each convolution",
        says="pooled twice",
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = max_pool(jax.nn.relu(hk.Conv2D(channels, 3)(x)))
    return x
""",
    ),
    Wrong(
        "VALID padding",
        says='padding "VALID"',
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3, padding="VALID")(x))
    return max_pool(x)
""",
    ),
    Wrong(
        "5×5 kernels",
        says="`kernel_shape=3` gives 3×3",
        code="""
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 5)(x))
    return max_pool(x)
""",
    ),
    Wrong(
        "the channels double on the way",
        says="both convolutions give `channels` channels",
        code="""
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    x = jax.nn.relu(hk.Conv2D(2 * channels, 3)(x))
    return max_pool(x)
""",
    ),
    Wrong(
        "pools before the ReLUs' input",
        says="The pooling comes first",
        code="""
def double_conv(x, channels):
    x = max_pool(x)
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return x
""",
    ),
)
