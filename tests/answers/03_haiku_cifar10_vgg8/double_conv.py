# %% right: line by line
def double_conv(x: jax.Array, channels: int) -> jax.Array:
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% right: a Python loop
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(output_channels=channels, kernel_shape=3)(x))
    return max_pool(x)

# %% right: `hk.Sequential`
def double_conv(x, channels):
    return hk.Sequential([hk.Conv2D(channels, 3), jax.nn.relu, hk.Conv2D(channels, 3), jax.nn.relu, max_pool])(x)

# %% right: `functools.reduce` over the layers
import functools

def double_conv(x, channels):
    layers = [hk.Conv2D(channels, (3, 3)) for _ in range(2)]
    return max_pool(functools.reduce(lambda maps, layer: jax.nn.relu(layer(maps)), layers, x))

# %% right: every argument written out, `jnp.maximum` for ReLU
def double_conv(x, channels):
    first = hk.Conv2D(output_channels=channels, kernel_shape=(3, 3), stride=(1, 1), padding="SAME", with_bias=True)
    second = hk.Conv2D(output_channels=channels, kernel_shape=(3, 3), stride=(1, 1), padding="SAME", with_bias=True)
    x = jnp.maximum(first(x), 0.0)
    x = jnp.maximum(second(x), 0.0)
    return max_pool(x)

# %% right: `hk.max_pool` for the pooling
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, kernel_shape=3)(x))
    x = jax.nn.relu(hk.Conv2D(channels, kernel_shape=3)(x))
    return hk.max_pool(x, window_shape=(1, 2, 2, 1), strides=(1, 2, 2, 1), padding="VALID")

# %% right: a helper function with He's initialiser
def conv_relu(maps, size):
    he = hk.initializers.VarianceScaling(2.0, "fan_in", "truncated_normal")
    return jax.nn.relu(hk.Conv2D(size, kernel_shape=3, w_init=he)(maps))

def double_conv(x, channels):
    return max_pool(conv_relu(conv_relu(x, channels), channels))

# %% right: one line
double_conv = lambda x, n: max_pool([x := jax.nn.relu(hk.Conv2D(n, 3)(x)) for _ in "12"][-1])

# %% right: the pooling by reshape
def double_conv(x, channels):
    for _ in (1, 2):
        x = jax.nn.relu(hk.Conv2D(channels, 3, padding="SAME")(x))
    batch, height, width, _ = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))

# %% right: padding written as numbers, pooling by `lax.reduce_window`
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3, padding=[(1, 1), (1, 1)])(x))
    x = jax.nn.relu(hk.Conv2D(channels, 3, padding=[(1, 1), (1, 1)])(x))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

# %% right: a callable object
class DoubleConv:
    def __call__(self, x, channels):
        convolution = functools_partial(hk.Conv2D, channels, kernel_shape=3)
        x = jax.nn.relu(convolution()(x))
        return max_pool(jax.nn.relu(convolution()(x)))

from functools import partial as functools_partial

double_conv = DoubleConv()

# %% right: walrus and `jnp.where`
def double_conv(x, channels):
    x = jnp.where((y := hk.Conv2D(channels, 3)(x)) > 0, y, 0.0)
    x = jnp.where((y := hk.Conv2D(channels, 3)(x)) > 0, y, 0.0)
    return max_pool(x)

# %% right: `hk.pad.same`, and pooling before the last ReLU (it makes no difference)
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3, padding=hk.pad.same)(x))
    return jax.nn.relu(max_pool(hk.Conv2D(channels, 3, padding=hk.pad.same)(x)))

# %% right: a convolution of one's own by `hk.get_parameter`
class Conv2D(hk.Module):
    def __init__(self, size, name=None):
        super().__init__(name=name)
        self.size = size

    def __call__(self, x):
        shape = (3, 3, x.shape[-1], self.size)
        w = hk.get_parameter("w", shape, init=hk.initializers.VarianceScaling(2.0))
        b = hk.get_parameter("b", (self.size,), init=jnp.zeros)
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b

def double_conv(x, channels):
    first, second = Conv2D(channels), Conv2D(channels)
    return max_pool(jax.nn.relu(second(jax.nn.relu(first(x)))))

# %% wrong: no ReLU after the second convolution
# cause: the ReLU after the second convolution is missing, so negative numbers come out
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(hk.Conv2D(channels, 3)(x))

# %% wrong: no ReLU after the first convolution
# cause: the ReLU between the two convolutions is missing, so together they are one linear map
def double_conv(x, channels):
    x = hk.Conv2D(channels, 3)(x)
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% wrong: the result of ReLU thrown away
# cause: jax.nn.relu changes nothing in place; its result is not assigned, so there is no ReLU at all
def double_conv(x, channels):
    x = hk.Conv2D(channels, 3)(x)
    jax.nn.relu(x)
    x = hk.Conv2D(channels, 3)(x)
    jax.nn.relu(x)
    return max_pool(x)

# %% wrong: ReLU before each convolution
# cause: the ReLU stands before the convolution instead of after it (it cuts the input, and the result may be negative)
def double_conv(x, channels):
    for _ in range(2):
        x = hk.Conv2D(channels, 3)(jax.nn.relu(x))
    return max_pool(x)

# %% wrong: no pooling
# cause: the pooling is missing; height and width stay what they were
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return x

# %% wrong: a pooling after each convolution
# cause: the pooling stands inside the loop, so it is done twice and the maps are quartered
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
        x = max_pool(x)
    return x

# %% wrong: average pooling
# cause: takes the mean of each 2×2 square instead of the largest
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return hk.avg_pool(x, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

# %% wrong: no padding, as PyTorch's default
# cause: padding VALID: each convolution takes two pixels off height and width
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3, padding="VALID")(x))
    return hk.max_pool(x, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

# %% wrong: 5×5 kernels
# cause: kernels of 5×5 instead of 3×3
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, kernel_shape=5)(x))
    return max_pool(x)

# %% wrong: one convolution only
# cause: there is only one convolution, the task wants two
def double_conv(x, channels):
    return max_pool(jax.nn.relu(hk.Conv2D(channels, 3)(x)))

# %% wrong: one object called twice
# cause: the same Conv2D object is called twice, so both convolutions share weights (and it fails for C ≠ channels)
def double_conv(x, channels):
    convolution = hk.Conv2D(channels, 3)
    for _ in range(2):
        x = jax.nn.relu(convolution(x))
    return max_pool(x)

# %% wrong: the second convolution doubles the channels
# cause: the second convolution has 2·channels output channels instead of channels
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    x = jax.nn.relu(hk.Conv2D(2 * channels, 3)(x))
    return max_pool(x)

# %% wrong: the first convolution keeps the input's channels
# cause: the first convolution goes to C channels (those of its input) instead of to channels
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(x.shape[-1], 3)(x))
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% wrong: stride 2 in place of the pooling
# cause: halves the maps by a stride in the second convolution; the largest of each square is not taken
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return jax.nn.relu(hk.Conv2D(channels, 3, stride=2)(x))

# %% wrong: a 1×1 convolution as the second
# cause: the second convolution is 1×1 (hk.Conv2D(channels, 1)) instead of 3×3
def double_conv(x, channels):
    x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    x = jax.nn.relu(hk.Conv2D(channels, 1)(x))
    return max_pool(x)

# %% wrong: a pooling of 3×3 windows that overlap
# cause: pools windows of 3×3 at stride 2 instead of 2×2 squares
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return hk.max_pool(x, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")

# %% wrong: pooling at stride 1
# cause: the pooling has stride 1 instead of 2, so the maps are not halved
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return hk.max_pool(x, (1, 2, 2, 1), (1, 1, 1, 1), "SAME")

# %% wrong: pooling without a look at its window
# cause: takes every other pixel instead of the largest of each 2×2 square
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return x[:, ::2, ::2]

# %% wrong: channels first, as in PyTorch
# cause: data_format NCHW: height is taken for the channels
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3, data_format="NCHW")(x))
    return max_pool(x)

# %% wrong: dilated kernels
# cause: rate=2 spreads the kernel over 5×5 pixels; a plain 3×3 convolution is wanted
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3, rate=2)(x))
    return max_pool(x)

# %% wrong: leaky ReLU
# cause: leaky ReLU lets a hundredth of negative numbers through; the task wants ReLU
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.leaky_relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% wrong: GELU
# cause: GELU instead of ReLU
def double_conv(x, channels):
    x = jax.nn.gelu(hk.Conv2D(channels, 3)(x))
    x = jax.nn.gelu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% wrong: three convolutions
# cause: range(3) makes three convolutions, the task wants two
def double_conv(x, channels):
    for _ in range(3):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x)

# %% wrong: the pooling first
# cause: pools before the convolutions instead of after them
def double_conv(x, channels):
    x = max_pool(x)
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return x

# %% wrong: the pooling between the convolutions
# cause: pools after the first convolution instead of after the second
def double_conv(x, channels):
    x = max_pool(jax.nn.relu(hk.Conv2D(channels, 3)(x)))
    return jax.nn.relu(hk.Conv2D(channels, 3)(x))

# %% wrong: channels hard-coded
# cause: always 8 channels; the argument channels is ignored
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(8, 3)(x))
    return max_pool(x)

# %% wrong: pooling for square maps only
# cause: the pooling by reshape takes the height for the width, so it works on square maps only
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    half = x.shape[1] // 2
    return x.reshape(x.shape[0], half, 2, half, 2, channels).max(axis=(2, 4))

# %% wrong: height and width swapped
# cause: the result is transposed, width before height
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return max_pool(x).swapaxes(1, 2)

# %% wrong: pooled along the height only
# cause: only the height is halved; the largest of each 2×1 piece is taken instead of each 2×2 square
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return jnp.maximum(x[:, ::2], x[:, 1::2])

# %% wrong: flattened at the end
# cause: returns one row an image instead of maps [B, H/2, W/2, channels]
def double_conv(x, channels):
    for _ in range(2):
        x = jax.nn.relu(hk.Conv2D(channels, 3)(x))
    return hk.Flatten()(max_pool(x))


# %% right: hk.Sequential of layers that are created here
def double_conv(x, channels):
    layers = [hk.Conv2D(channels, 3), jax.nn.relu, hk.Conv2D(channels, 3), jax.nn.relu, max_pool]
    return hk.Sequential(layers)(x)


# %% right: functools.reduce over two nested calls, ReLU as a maximum, SAME padding in words
from functools import reduce


def double_conv(x, channels):
    def convolve(x, _):
        return jnp.maximum(hk.Conv2D(output_channels=channels, kernel_shape=(3, 3), padding="SAME")(x), 0.0)

    return max_pool(reduce(convolve, range(2), x))


# %% right: layers made by a comprehension, applied afterwards; pooling by a window reduction
def double_conv(x: jax.Array, channels: int) -> jax.Array:
    for layer in [hk.Conv2D(channels, kernel_shape=(3, 3), padding="SAME") for _ in range(2)]:
        x = jnp.maximum(layer(x), 0)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


# %% wrong: relu6 (activations above 6: bright inputs or large weights)
def double_conv(x: jax.Array, channels: int) -> jax.Array:
    x = jax.nn.relu6(hk.Conv2D(channels, 3)(x))
    x = jax.nn.relu6(hk.Conv2D(channels, 3)(x))
    return max_pool(x)
