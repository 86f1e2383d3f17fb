"""The mistakes that are made with `SmallCNN`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "VALID padding",
        says='padding "VALID"',
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.relu(nn.Conv(features, (3, 3), padding="VALID")(x))
            x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "pooling without strides",
        says="windows overlap",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "max instead of mean",
        says="takes the maximum",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.max_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "no ReLU after the convolutions",
        says="ReLU after the convolutions is missing",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.Conv(features, (3, 3))(x), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "no ReLU between the dense layers",
        says="ReLU between the two dense layers is missing",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.Dense(64)(x.reshape((x.shape[0], -1)))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "a layer inside another's call",
        says="makes the outer one first",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        return nn.Dense(10)(nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1)))))
""",
    ),
    Wrong(
        "ReLU after the pooling",
        says="before the pooling",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.relu(nn.avg_pool(nn.Conv(features, (3, 3))(x), (2, 2), strides=(2, 2)))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "log_softmax at the end",
        says="`log_softmax` at the end",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.log_softmax(nn.Dense(10)(x))
""",
    ),
    Wrong(
        "softmax at the end",
        says="probabilities",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.softmax(nn.Dense(10)(x))
""",
    ),
    Wrong(
        "ReLU on the logits",
        says="no ReLU after the last layer",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.relu(nn.Dense(10)(x))
""",
    ),
    Wrong(
        "5×5 kernels",
        says="is 5×5",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (5, 5))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
    Wrong(
        "one layer short",
        says="Its layers are",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (16, 32):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        return nn.Dense(10)(x.reshape((x.shape[0], -1)))
""",
    ),
    Wrong(
        "the features of the two convolutions swapped",
        says="`Conv_0` has 32 features",
        code="""
class SmallCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for features in (32, 16):
            x = nn.avg_pool(nn.relu(nn.Conv(features, (3, 3))(x)), (2, 2), strides=(2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape((x.shape[0], -1))))
        return nn.Dense(10)(x)
""",
    ),
)
