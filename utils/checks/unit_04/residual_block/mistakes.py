"""The mistakes that are made with `ResidualBlock`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
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
        if x.shape != y.shape:
            x = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
        return nn.relu(x + y)
"""


_SHORTCUT = """        if x.shape != y.shape:
            x = self.conv(self.features, (1, 1), strides=self.stride, name="downsample_conv")(x)
            x = self.norm(name="downsample_bn")(x)
"""


_FIRST = 'strides=self.stride, padding=1, name="conv1"'


_SECOND = 'padding=1, name="conv2"'

WRONG = (
    Wrong(
        "SAME padding",
        says='Flax\'s default, `"SAME"`',
        code=changed(_RIGHT, (_FIRST, 'strides=self.stride, name="conv1"'), (_SECOND, 'name="conv2"')),
    ),
    Wrong(
        "VALID padding",
        says="`padding=1` keeps the size",
        code=changed(
            _RIGHT, (_FIRST, 'strides=self.stride, padding=0, name="conv1"'), (_SECOND, 'padding=0, name="conv2"')
        ),
    ),
    Wrong(
        "gives the array to the maker",
        says="the array goes to the layer",
        code=changed(_RIGHT, ('self.norm(name="bn1")(y)', 'self.norm(y, name="bn1")')),
    ),
    Wrong(
        "a ReLU on the shortcut",
        says="on the shortcut",
        code=changed(
            _RIGHT, ('x = self.norm(name="downsample_bn")(x)', 'x = nn.relu(self.norm(name="downsample_bn")(x))')
        ),
    ),
    Wrong(
        "no projection",
        says="There is no projection",
        code=changed(_RIGHT, (_SHORTCUT, "")),
    ),
    Wrong(
        "projects only where the size changes",
        says="only where the size changes",
        code=changed(_RIGHT, ("if x.shape != y.shape:", "if self.stride != 1:")),
    ),
    Wrong(
        "projects only where the channels change",
        says="only where the number of channels changes",
        code=changed(_RIGHT, ("if x.shape != y.shape:", "if x.shape[-1] != self.features:")),
    ),
    Wrong(
        "projects always",
        says="where the shape stays `x` is added as it is",
        code=changed(_RIGHT, ("if x.shape != y.shape:", "if True:")),
    ),
    Wrong(
        "projection without norm",
        says="`downsample_bn` is missing",
        code=changed(_RIGHT, ('            x = self.norm(name="downsample_bn")(x)\n', "")),
    ),
    Wrong(
        "a 3×3 projection",
        says="The kernel of `downsample_conv` is 3×3",
        code=changed(_RIGHT, ("(1, 1), strides=self.stride", "(3, 3), strides=self.stride, padding=1")),
    ),
    Wrong(
        "no ReLU between the convolutions",
        says="ReLU between the two convolutions is missing",
        code=changed(_RIGHT, ('nn.relu(self.norm(name="bn1")(y))', 'self.norm(name="bn1")(y)')),
    ),
    Wrong(
        "no ReLU at the end",
        says="last ReLU, after the sum, is missing",
        code=changed(_RIGHT, ("nn.relu(x + y)", "x + y")),
    ),
    Wrong(
        "ReLU before the sum",
        says="comes before the sum",
        code=changed(_RIGHT, ("nn.relu(x + y)", "x + nn.relu(y)")),
    ),
    Wrong(
        "ReLU before and after the sum",
        says="one ReLU too many",
        code=changed(_RIGHT, ("nn.relu(x + y)", "nn.relu(x + nn.relu(y))")),
    ),
    Wrong(
        "the stride on the second convolution",
        says="stride stands on the second convolution",
        code=changed(
            _RIGHT, (_FIRST, 'padding=1, name="conv1"'), (_SECOND, 'strides=self.stride, padding=1, name="conv2"')
        ),
    ),
    Wrong(
        "the second norm after the sum",
        says="the second norm comes after the sum",
        code=changed(
            _RIGHT,
            ('        y = self.norm(name="bn2")(y)\n', ""),
            ("nn.relu(x + y)", 'nn.relu(self.norm(name="bn2")(x + y))'),
        ),
    ),
    Wrong(
        "forgets the shortcut",
        says="`x` is never added",
        code=changed(_RIGHT, ("nn.relu(x + y)", "nn.relu(y)")),
    ),
    Wrong(
        "norms of its own",
        says="does not use `self.norm`",
        code=_RIGHT.replace("self.norm(", "nn.BatchNorm(use_running_average=True, "),
    ),
    Wrong(
        "settings of its own for the norms",
        says="comes with its settings",
        code=_RIGHT.replace("self.norm(", "self.norm(use_running_average=True, "),
    ),
    Wrong(
        "convolutions of its own",
        says="does not use `self.conv`",
        code=_RIGHT.replace("self.conv(", "nn.Conv("),
    ),
    Wrong(
        "leaves the names to Flax",
        says="Give each its `name`",
        code=changed(_RIGHT, (', name="conv1"', ""), (', name="conv2"', "")),
    ),
    Wrong(
        "one name for two norms",
        says="NameInUseError",
        code=changed(_RIGHT, ('self.norm(name="bn2")', 'self.norm(name="bn1")')),
    ),
)
