# %% right: as the PyTorch text
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        out = nn.relu(self.norm(name="bn1")(
            self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)))
        out = self.norm(name="bn2")(self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(out))
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(out + x)

# %% right: the shapes decide, after the sum's left side
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if y.shape != x.shape:
            x = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return jax.nn.relu(y + x)

# %% right: a helper inside for convolution and norm
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        def layer(x, size, stride, conv, norm):
            x = self.conv(self.features, (size, size), strides=stride, padding=size // 2, name=conv)(x)
            return self.norm(name=norm)(x)
        change = (self.stride, self.features) != (1, x.shape[-1])
        shortcut = layer(x, 1, self.stride, "downsample_conv", "downsample_bn") if change else x
        y = nn.relu(layer(x, 3, self.stride, "conv1", "bn1"))
        return nn.relu(layer(y, 3, 1, "conv2", "bn2") + shortcut)

# %% right: a loop over the two layers, strides as pairs
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = x
        for number, stride in enumerate((self.stride, 1), start=1):
            if number == 2:
                y = nn.relu(y)
            y = self.conv(self.features, (3, 3), strides=(stride, stride), padding=1, name=f"conv{number}")(y)
            y = self.norm(name=f"bn{number}")(y)
        if self.stride > 1 or self.features != x.shape[3]:
            pair = (self.stride, self.stride)
            x = self.conv(self.features, (1, 1), strides=pair, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% right: early return for the plain shortcut
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        wide = partial(self.conv, self.features, (3, 3), padding=1)
        y = self.norm(name="bn1")(wide(strides=self.stride, name="conv1")(x))
        y = self.norm(name="bn2")(wide(name="conv2")(nn.relu(y)))
        if self.stride == 1 and x.shape[-1] == self.features:
            return nn.relu(x + y)
        projected = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
        return nn.relu(self.norm(name="downsample_bn")(projected) + y)

# %% right: nn.Sequential for both branches
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        main = nn.Sequential([
            self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1"),
            self.norm(name="bn1"),
            nn.relu,
            self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2"),
            self.norm(name="bn2"),
        ])
        side = lambda x: x
        if self.stride != 1 or self.features != x.shape[-1]:
            side = nn.Sequential([
                self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv"),
                self.norm(name="downsample_bn"),
            ])
        return nn.relu(main(x) + side(x))

# %% right: a method for the shortcut
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = self.norm(name="bn1")(y)
        y = jnp.maximum(y, 0)
        y = self.conv(self.features, (3, 3), padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        return jnp.maximum(y + self._shortcut(x), 0)

    def _shortcut(self, x):
        if self.stride == 1 and self.features == x.shape[-1]:
            return x
        x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
        return self.norm(name="downsample_bn")(x)

# %% right: walrus and jax.tree reduce of the two branches
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        B, H, W, C = x.shape
        branches = [x]
        if (s := self.stride) != 1 or (f := self.features) != C:
            branches = [self.norm(name="downsample_bn")(
                self.conv(self.features, (1, 1), strides=s, name="downsample_conv")(x))]
        y = self.conv(features := self.features, (3, 3), strides=s, padding=1, name="conv1")(x)
        y = self.norm(name="bn1")(y)
        y = self.conv(features, (3, 3), padding=1, name="conv2")(lax.max(y, jnp.zeros_like(y)))
        branches.append(self.norm(name="bn2")(y))
        return nn.relu(sum(branches))

# %% right: layers made first, wired after
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        conv1 = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")
        bn1 = self.norm(name="bn1")
        conv2 = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")
        bn2 = self.norm(name="bn2")
        downsample = None
        if self.stride != 1 or x.shape[-1] != self.features:
            conv = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")
            norm = self.norm(name="downsample_bn")
            downsample = lambda x: norm(conv(x))
        out = nn.relu(bn1(conv1(x)))
        out = bn2(conv2(out))
        if downsample is not None:
            x = downsample(x)
        return nn.relu(out + x)

# %% right: a base class with the layer, annotated
class Layers(nn.Module):
    def layer(self, conv, norm, size, stride=1):
        def apply(x):
            y = self.conv(self.features, (size, size), strides=stride, padding=(size - 1) // 2, name=conv)(x)
            return self.norm(name=norm)(y)
        return apply

class ResidualBlock(Layers):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kept = self.stride == 1 and x.shape[-1] == self.features
        y = nn.activation.relu(self.layer("conv1", "bn1", 3, self.stride)(x))
        y = self.layer("conv2", "bn2", 3)(y)
        shortcut = x if kept else self.layer("downsample_conv", "downsample_bn", 1, self.stride)(x)
        return nn.activation.relu(y + shortcut)

# %% right: a further field with the activation
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)
    act: Any = nn.relu

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = self.act(self.norm(name="bn1")(y))
        y = self.norm(name="bn2")(self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y))
        if x.shape[-1] != self.features or self.stride != 1:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return self.act(x + y)

# %% right: keywords bound in a dictionary, relu by where
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        shape = {"strides": self.stride}
        relu = lambda a: jnp.where(a < 0, 0.0, a)
        h = self.conv(self.features, (3, 3), padding=1, name="conv1", **shape)(x)
        h = relu(self.norm(name="bn1")(h))
        h = self.conv(self.features, (3, 3), padding=1, name="conv2")(h)
        h = self.norm(name="bn2")(h)
        match x.shape[-1] == self.features, self.stride:
            case True, 1:
                return relu(h + x)
            case _:
                x = self.conv(self.features, (1, 1), padding=0, name="downsample_conv", **shape)(x)
                return relu(h + self.norm(name="downsample_bn")(x))

# %% wrong: no ReLU at the end
# cause: the last ReLU, after the sum, is missing
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return y + x

# %% wrong: ReLU before the sum
# cause: the last ReLU is applied to the branch before the sum instead of to the sum
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y) + x

# %% wrong: ReLU after the second norm as well
# cause: a ReLU too much: the branch may be negative when it is added
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = nn.relu(self.norm(name="bn2")(y))
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: no ReLU between the convolutions
# cause: the ReLU after the first norm is missing
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = self.norm(name="bn1")(y)
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: the stride on the second convolution
# cause: the stride belongs to conv1; here conv2 has it
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: the stride on both 3×3
# cause: both 3×3 convolutions have the stride, so the sizes do not fit
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: padding "SAME"
# cause: "SAME" pads only right and below with stride 2; the task wants padding 1 on all sides
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding="SAME", name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding="SAME", name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: padding left to Flax in the first convolution
# cause: conv1 is given no padding, so Flax takes "SAME", which is shifted with stride 2
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: projection only where the stride is not 1
# cause: the projection is missing where only the number of channels changes
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: projection only where the channels change
# cause: the projection is missing where only the size changes
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: always a projection
# cause: the shortcut is projected even where the shape stays and x itself should be added
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
        x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: projection without norm
# cause: the norm after the 1×1 convolution of the shortcut is missing
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
        return nn.relu(y + x)

# %% wrong: projection 3×3
# cause: the shortcut's convolution is 3×3 instead of 1×1
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: ReLU on the shortcut
# cause: the projected shortcut goes through a ReLU, which the block does not have
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = nn.relu(self.norm(name="downsample_bn")(x))
        return nn.relu(y + x)

# %% wrong: no names
# cause: the layers have no names of their own, so the weights are called Conv_0, BatchNorm_0, …
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1)(x)
        y = nn.relu(self.norm()(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1)(y)
        y = self.norm()(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0)(x)
            x = self.norm()(x)
        return nn.relu(y + x)

# %% wrong: norms named as in Flax's examples
# cause: the norms are called norm1 and norm2 instead of bn1 and bn2
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="norm1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="norm2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: nn.Conv written out
# cause: it builds nn.Conv itself instead of the convolution that the block was given
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = nn.Conv(self.features, (3, 3), strides=self.stride, padding=1, use_bias=False, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = nn.Conv(self.features, (3, 3), strides=1, padding=1, use_bias=False, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = nn.Conv(self.features, (1, 1), strides=self.stride, use_bias=False, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: nn.BatchNorm written out
# cause: it builds nn.BatchNorm itself instead of the norm that the block was given
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(nn.BatchNorm(use_running_average=True, name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = nn.BatchNorm(use_running_average=True, name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = nn.BatchNorm(use_running_average=True, name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: norms set to training
# cause: it overrides use_running_average, which was bound from outside
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1", use_running_average=False)(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2", use_running_average=False)(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn", use_running_average=False)(x)
        return nn.relu(y + x)

# %% wrong: pre-activation
# cause: norm and ReLU come before each convolution (a pre-activation block), not after
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = nn.relu(self.norm(name="bn1")(x))
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(y)
        y = nn.relu(self.norm(name="bn2")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: one norm for both
# cause: the same norm is used after both convolutions, so bn2 does not exist
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        bn1 = self.norm(name="bn1")
        y = nn.relu(bn1(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = bn1(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: the input overwritten
# cause: x is overwritten on the way, so the shortcut is the first layer's result and not the input
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        x = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        x = nn.relu(self.norm(name="bn1")(x))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(x)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: second convolution 1×1
# cause: the second convolution is 1×1 instead of 3×3
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (1, 1), strides=1, padding=0, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: mean of the two branches
# cause: the sum is halved
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu((y + x) / 2)

# %% wrong: asks for the wrong axis
# cause: it compares the height, x.shape[1], with the features instead of the channels
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: shortcut by pooling
# cause: the shortcut averages 2×2 pixels before a 1×1 without stride, as ResNet-D; the task has a strided 1×1
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = nn.avg_pool(x, (self.stride,) * 2, (self.stride,) * 2, padding="SAME")
            x = self.conv(self.features, (1, 1), name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: bias in the convolutions
# cause: it sets use_bias=True, against the settings bound from outside
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, use_bias=True, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, use_bias=True, name="conv2")(y)
        y = self.norm(name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)

# %% wrong: no second norm
# cause: bn2 is missing: the second convolution's result is added without a norm
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x):
        y = self.conv(self.features, (3, 3), strides=self.stride, padding=1, name="conv1")(x)
        y = nn.relu(self.norm(name="bn1")(y))
        y = self.conv(self.features, (3, 3), strides=1, padding=1, name="conv2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.conv(self.features, (1, 1), strides=self.stride, padding=0, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(y + x)


# %% right: keyword-only calls, shortcut first
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shortcut = x
        if self.stride != 1 or x.shape[-1] != self.features:
            shortcut = self.conv(
                features=self.features,
                kernel_size=(1, 1),
                strides=(self.stride, self.stride),
                padding=0,
                name="downsample_conv",
            )(x)
            shortcut = self.norm(name="downsample_bn")(shortcut)
        y = self.conv(
            features=self.features, kernel_size=(3, 3), strides=(self.stride, self.stride), padding=1, name="conv1"
        )(x)
        y = jax.nn.relu(self.norm(name="bn1")(y))
        y = self.conv(features=self.features, kernel_size=(3, 3), padding=1, name="conv2")(y)
        return jax.nn.relu(shortcut + self.norm(name="bn2")(y))


# %% right: nested helper, decides by the shape of the result
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def convolved(value, names, size, stride):
            conv, norm = (name for name in names.split())
            value = self.conv(self.features, (size, size), strides=stride, padding=size // 2, name=conv)(value)
            return self.norm(name=norm)(value)

        residual = nn.relu(convolved(x, "conv1 bn1", 3, self.stride))
        residual = convolved(residual, "conv2 bn2", 3, 1)
        if residual.shape != x.shape:
            x = convolved(x, "downsample_conv downsample_bn", 1, self.stride)
        total = x + residual
        return jnp.where(total > 0, total, 0)


# %% right: shortcut first, a loop over the layers, the sum in another order, padding as pairs
class ResidualBlock(nn.Module):
    features: int
    stride: int = 1
    conv: Any = partial(nn.Conv, use_bias=False)
    norm: Any = partial(nn.BatchNorm, use_running_average=True)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def unit(inputs, side, stride, conv_name, norm_name):
            around = [(side // 2, side // 2)] * 2
            layer = self.conv(
                features=self.features, kernel_size=(side, side), strides=(stride,) * 2, padding=around, name=conv_name
            )
            return self.norm(name=norm_name)(layer(inputs))

        same = self.stride == 1 and self.features == x.shape[-1]
        total = x if same else unit(x, 1, self.stride, "downsample_conv", "downsample_bn")
        for number, stride in ((1, self.stride), (2, 1)):
            x = unit(x, 3, stride, f"conv{number}", f"bn{number}")
            if number == 1:
                x = jnp.maximum(x, 0)
        return jnp.clip(total + x, 0)
