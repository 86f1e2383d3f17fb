"""The mistakes that are made with `PostNormBlock`, each with what tells it."""

from utils.checks.registry import Wrong


def _code(body: str, epsilon: str = "epsilon=1e-5, ", scale: str = "scale_init=nn.initializers.zeros, ") -> str:
    return f"""
class PostNormBlock(nn.Module):
    attention: nn.Module
    mlp: nn.Module
    drop_path: float = 0.0

    @nn.compact
    def __call__(self, x, train=False):
        norm1 = nn.LayerNorm({epsilon}{scale}name="norm1")
        norm2 = nn.LayerNorm({epsilon}{scale}name="norm2")
        drop = lambda branch: DropPath(self.drop_path)(branch, train)
{body}
"""


RIGHT = "        x = x + drop(norm1(self.attention(x)))\n        return x + drop(norm2(self.mlp(x)))"

WRONG = (
    Wrong(
        "norm before the layer",
        says="normalised before the layer",
        code=_code("        x = x + drop(self.attention(norm1(x)))\n        return x + drop(self.mlp(norm2(x)))"),
    ),
    Wrong(
        "norm after the addition",
        says="sum is normalised",
        code=_code("        x = norm1(x + drop(self.attention(x)))\n        return norm2(x + drop(self.mlp(x)))"),
    ),
    Wrong(
        "both branches from the input",
        says="side by side",
        code=_code("        return x + drop(norm1(self.attention(x))) + drop(norm2(self.mlp(x)))"),
    ),
    Wrong(
        "no addition after the MLP",
        says="second branch replaces",
        code=_code("        x = x + drop(norm1(self.attention(x)))\n        return drop(norm2(self.mlp(x)))"),
    ),
    Wrong(
        "mlp first",
        says="MLP comes first",
        code=_code("        x = x + drop(norm2(self.mlp(x)))\n        return x + drop(norm1(self.attention(x)))"),
    ),
    Wrong("Flax's epsilon", says="epsilon is 1e-6", code=_code(RIGHT, epsilon="")),
    Wrong("scales start at one", says="starts at 1", code=_code(RIGHT, scale="")),
    Wrong(
        "drop path forgotten",
        says="never left out",
        code=_code("        x = x + norm1(self.attention(x))\n        return x + norm2(self.mlp(x))"),
    ),
    Wrong(
        "drop path before the norm",
        says="leave out a whole branch",
        code=_code("        x = x + norm1(drop(self.attention(x)))\n        return x + norm2(drop(self.mlp(x)))"),
    ),
    Wrong(
        "drop path in evaluation too",
        says="asks for a key",
        code=_code(RIGHT.replace("drop(", "DropPath(self.drop_path)(").replace(")))", ")), True)")),
    ),
)
