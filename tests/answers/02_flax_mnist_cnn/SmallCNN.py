# %% right: line by line
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(features=16, kernel_size=(3, 3))(x)
        x = nn.relu(x)
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = nn.Conv(features=32, kernel_size=(3, 3))(x)
        x = nn.relu(x)
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.Dense(features=64)(x)
        x = nn.relu(x)
        return nn.Dense(features=10)(x)


# %% right: a Python loop over the features
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, images):
        for features in (16, 32):
            images = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(images)), (2, 2), strides=(2, 2))
        rows = images.reshape(len(images), -1)
        hidden = nn.relu(nn.Dense(64)(rows))
        return nn.Dense(10)(hidden)


# %% right: sizes as fields with defaults
class SmallCNN(nn.Module):
    features: tuple[int, ...] = (16, 32)
    hidden: int = 64
    classes: int = 10

    @nn.compact
    def __call__(self, x):
        for count in self.features:
            x = jax.nn.relu(nn.Conv(count, kernel_size=(3, 3), strides=1, padding="SAME")(x))
            x = nn.avg_pool(x, (2, 2), (2, 2), "VALID")
        x = jnp.reshape(x, (x.shape[0], x.shape[1] * x.shape[2] * x.shape[3]))
        x = jax.nn.relu(nn.Dense(self.hidden)(x))
        return nn.Dense(self.classes)(x)


# %% right: the windows by reshape and mean
def halve(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = halve(nn.relu(nn.Conv(16, (3, 3))(x)))
        x = halve(nn.relu(nn.Conv(32, (3, 3))(x)))
        x = nn.relu(nn.Dense(64)(jax.vmap(jnp.ravel)(x)))
        return nn.Dense(10)(x)


# %% right: the four corners of each window
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for n in [16, 32]:
            x = jnp.maximum(nn.Conv(n, [3, 3])(x), 0)
            x = (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
        x = jnp.maximum(nn.Dense(64)(x.reshape(-1, 7 * 7 * 32)), 0)
        return nn.Dense(10)(x)


# %% right: `lax.reduce_window` and explicit padding
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        def pooled(maps):
            return jax.lax.reduce_window(maps, 0.0, jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4.0

        x = pooled(nn.relu(nn.Conv(16, (3, 3), padding=((1, 1), (1, 1)))(x)))
        x = pooled(nn.relu(nn.Conv(32, (3, 3), padding=1)(x)))
        x = x.reshape(*x.shape[:1], -1)
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% right: a list of layers and functions, applied in turn
from functools import partial


class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        pool = partial(nn.avg_pool, window_shape=(2, 2), strides=(2, 2))
        first = [nn.Conv(16, (3, 3)), nn.relu, pool]
        second = [nn.Conv(32, (3, 3)), nn.relu, pool]
        last = [nn.Dense(64), nn.relu, nn.Dense(10)]
        for layer in [*first, *second, lambda maps: maps.reshape(maps.shape[0], -1), *last]:
            x = layer(x)
        return x


# %% right: `partial` for the layers, `functools.reduce`
import functools

Conv = functools.partial(nn.Conv, kernel_size=(3, 3), padding="SAME", use_bias=True)


class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        def block(maps, features):
            return nn.avg_pool(nn.relu(Conv(features)(maps)), (2, 2), strides=(2, 2))

        x = functools.reduce(block, (16, 32), x)
        hidden = nn.relu(nn.Dense(features=64)(x.reshape(x.shape[0], x[0].size)))
        return nn.Dense(features=10)(hidden)


# %% right: walrus in one expression, the hidden row first
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        half = lambda maps: nn.avg_pool(nn.relu(maps), (2, 2), (2, 2))
        return (
            (a := half(nn.Conv(16, (3, 3))(x))),
            (b := half(nn.Conv(32, (3, 3))(a))),
            (c := nn.relu(nn.Dense(64)(b.reshape(b.shape[0], -1)))),
            nn.Dense(10)(c),
        )[-1]


# %% right: `nn.pool` with a sum, ReLU by `where`
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        def positive(values):
            return jnp.where(values > 0, values, 0.0)

        def mean_pool(maps):
            return nn.pool(maps, 0.0, jax.lax.add, (2, 2), (2, 2), "VALID") / 4

        x = mean_pool(positive(nn.Conv(16, (3, 3))(x)))
        x = mean_pool(positive(nn.Conv(32, (3, 3))(x)))
        x = jnp.concatenate([x.reshape(x.shape[0], -1)], axis=1)
        x = positive(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% right: careful casts, a check of the shape, early assignment of the layers
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = jnp.asarray(x, jnp.float32)
        conv_a, conv_b = nn.Conv(16, (3, 3), dtype=jnp.float32), nn.Conv(32, (3, 3), dtype=jnp.float32)
        dense_a, dense_b = nn.Dense(64, dtype=jnp.float32), nn.Dense(10, dtype=jnp.float32)
        assert x.ndim == 4, "images are [B, 28, 28, 1]"
        x = nn.avg_pool(nn.relu(conv_a(x)), (2, 2), strides=(2, 2))
        x = nn.avg_pool(nn.relu(conv_b(x)), (2, 2), strides=(2, 2))
        return dense_b(nn.relu(dense_a(x.reshape(x.shape[0], -1))))


# %% right: maps averaged by `einsum`
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        def average(maps):
            side = maps.shape[1]
            rows = jnp.kron(jnp.eye(side // 2), jnp.full((1, 2), 0.5))
            return jnp.einsum("ih,bhwc,jw->bijc", rows, maps, rows)

        x = average(nn.relu(nn.Conv(16, (3, 3))(x)))
        x = average(nn.relu(nn.Conv(32, (3, 3))(x)))
        x = nn.Dense(64)(x.reshape(x.shape[0], -1))
        return nn.Dense(10)(nn.relu(x))


# %% wrong: max pooling
# cause: the windows' maximum is taken (max_pool); the table says mean
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: no ReLU after the second convolution
# cause: the ReLU after the second convolution is missing
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.Conv(32, (3, 3))(x)
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: no ReLU after the first convolution
# cause: the ReLU after the first convolution is missing
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(16, (3, 3))(x)
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: no ReLU between the dense layers
# cause: the ReLU between the two dense layers is missing, so they are one linear map
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.Dense(64)(x)
        return nn.Dense(10)(x)


# %% wrong: log-softmax at the end
# cause: it returns log-probabilities, as the lesson's network; plain logits are asked for
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.log_softmax(nn.Dense(10)(x))


# %% wrong: softmax at the end
# cause: it ends in a softmax, as a Keras model does; plain logits are asked for
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.softmax(nn.Dense(10)(x))


# %% wrong: ReLU on the logits
# cause: a ReLU after the last layer cuts negative logits off; nothing comes after the last layer
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.relu(nn.Dense(10)(x))


# %% wrong: convolutions without padding
# cause: padding VALID, the default of PyTorch and Keras, shrinks the maps; the table keeps 28 x 28 and 14 x 14
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3), padding="VALID")(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3), padding="VALID")(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: pooling without strides
# cause: the windows overlap: avg_pool moves by one pixel unless strides are given
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: features swapped
# cause: the first convolution has 32 features and the second 16; it is the other way round
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: 5×5 kernels
# cause: the kernels are 5 x 5, the table says 3 x 3
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (5, 5))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (5, 5))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: global average instead of rows
# cause: the mean over the whole map leaves [B, 32]; the maps are to be laid out as rows of 1568
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.mean(axis=(1, 2))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: channels first before flattening
# cause: the maps are transposed to channels first, as in PyTorch, so the 1568 numbers come in another order
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.transpose(0, 3, 1, 2).reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: no biases in the convolutions
# cause: the convolutions have no bias (use_bias=False)
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3), use_bias=False)(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3), use_bias=False)(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: 256 hidden features
# cause: the first dense layer has 256 features, as in the lesson; here it is 64
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(256)(x))
        return nn.Dense(10)(x)


# %% wrong: no hidden dense layer
# cause: the dense layer with 64 features is missing
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        return nn.Dense(10)(x)


# %% wrong: tanh instead of ReLU
# cause: the activation is tanh, the table says ReLU
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.tanh(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.tanh(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.tanh(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: GELU instead of ReLU
# cause: the activation is GELU, the table says ReLU
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.gelu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.gelu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.gelu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: leaky ReLU
# cause: leaky ReLU lets negative values through; the table says ReLU
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.leaky_relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.leaky_relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.leaky_relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: ReLU after pooling
# cause: the mean is taken before the ReLU; for a mean the order matters, the ReLU comes first
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(16, (3, 3))(x)
        x = nn.relu(nn.avg_pool(x, (2, 2), strides=(2, 2)))
        x = nn.Conv(32, (3, 3))(x)
        x = nn.relu(nn.avg_pool(x, (2, 2), strides=(2, 2)))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: strided convolutions instead of pooling
# cause: convolutions with stride 2 halve the maps; the table has a mean over windows
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3), strides=(2, 2))(x))
        x = nn.relu(nn.Conv(32, (3, 3), strides=(2, 2))(x))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: windows of 3×3
# cause: the mean runs over overlapping 3 x 3 windows instead of 2 x 2
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (3, 3), strides=(2, 2), padding="SAME")
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (3, 3), strides=(2, 2), padding="SAME")
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: sum over the windows
# cause: the windows are summed up; their mean is asked for
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = 4 * nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = 4 * nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: every second pixel
# cause: one pixel of each window is kept instead of the mean of four
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = x[:, ::2, ::2]
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = x[:, ::2, ::2]
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: the batch flattened away
# cause: flatten also takes the batch dimension: one row for all images
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((1, -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: squeezed logits
# cause: squeeze removes the batch dimension when there is one image: [10] instead of [1, 10]
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return jnp.squeeze(nn.Dense(10)(x))


# %% wrong: a batch of 64 only
# cause: the reshape has the batch size 64 built in and fails for another
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((64, 1568))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: divided by 255
# cause: the images are divided by 255; they come normalised
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x / 255.0
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: names of its own
# cause: the layers have names of their own; the names are to be left to Flax (Conv_0, ...)
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3), name="conv1")(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3), name="conv2")(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10)(x)


# %% wrong: half precision
# cause: dtype float16 in the last layer makes the logits float16; float32 is asked for
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(16, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(64)(x))
        return nn.Dense(10, dtype=jnp.float16)(x)


# %% right: loop over the features, nn.pool with addition, divided by 4
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = jax.nn.relu(nn.Conv(features, kernel_size=(3, 3))(x))
            x = nn.pool(x, 0.0, jax.lax.add, (2, 2), (2, 2), "VALID") / 4
        x = jax.vmap(jnp.ravel)(x)
        for features, activation in ((64, nn.relu), (10, lambda x: x)):
            x = activation(nn.Dense(features=features)(x))
        return x


# %% right: pooling by reshape and mean in a nested helper, ReLU as a maximum, default argument
class SmallCNN(nn.Module):
    classes: int = 10

    @nn.compact
    def __call__(self, x):
        def pool(x):
            b, h, w, c = x.shape
            return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))

        x = pool(jnp.maximum(nn.Conv(16, (3, 3), padding="SAME")(x), 0))
        x = pool(jnp.maximum(nn.Conv(32, (3, 3), padding=1)(x), 0))
        x = jnp.maximum(nn.Dense(64)(x.reshape(len(x), 7 * 7 * 32)), 0)
        return nn.Dense(self.classes)(x)


# %% right: a loop over the widths, pooling as the mean of four strided views
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for width in (16, 32):
            x = jax.nn.relu(nn.Conv(width, kernel_size=(3, 3))(x))
            x = sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
        x = jax.vmap(jnp.ravel)(x)
        hidden = nn.Dense(64)(x)
        return nn.Dense(10)(jnp.where(hidden > 0, hidden, 0))
