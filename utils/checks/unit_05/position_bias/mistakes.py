"""The mistakes that are made with `position_bias`, each with what tells it."""

from utils.checks.registry import Wrong


def _code(index: str, last: str = "16 * jax.nn.sigmoid(bias.transpose(2, 0, 1))") -> str:
    return f"""
def position_bias(table, window):
    rows, columns = np.indices((window, window)).reshape(2, -1)
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    bias = table[{index}]
    return {last}
"""


INDEX = "down * (2 * window - 1) + right"

WRONG = (
    Wrong(
        "no sigmoid",
        says="as it stands in the table",
        code=_code(INDEX, "bias.transpose(2, 0, 1)"),
    ),
    Wrong(
        "sigmoid without 16",
        says="not multiplied by 16",
        code=_code(INDEX, "jax.nn.sigmoid(bias.transpose(2, 0, 1))"),
    ),
    Wrong(
        "sigmoid of 16 times",
        says="sigmoid of 16 times",
        code=_code(INDEX, "jax.nn.sigmoid(16 * bias.transpose(2, 0, 1))"),
    ),
    Wrong(
        "key minus query",
        says="key minus query",
        code=_code("down[::-1, ::-1] * (2 * window - 1) + right[::-1, ::-1]"),
    ),
    Wrong(
        "rows and columns swapped",
        says="Rows and columns are swapped",
        code=_code("right * (2 * window - 1) + down"),
    ),
    Wrong(
        "stride of a window",
        says="A row of the table's grid",
        code=_code("down * window + right"),
    ),
    Wrong(
        "heads left at the end",
        says="has shape [9, 9, 2]",
        code=_code(INDEX, "16 * jax.nn.sigmoid(bias)"),
    ),
    Wrong(
        "softmax over the keys",
        says="as a softmax",
        code=_code(INDEX, "16 * jax.nn.softmax(bias.transpose(2, 0, 1), axis=-1)"),
    ),
)
