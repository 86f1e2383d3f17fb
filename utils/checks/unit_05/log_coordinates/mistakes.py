"""The mistakes that are made with `log_coordinates`, each with what tells it."""

from utils.checks.registry import Wrong


def _code(last: str, scaled: str = "8 * offsets / ((trained or window) - 1)", indexing: str = "ij") -> str:
    return f"""
def log_coordinates(window, trained=0):
    steps = np.arange(1 - window, window)
    offsets = np.stack(np.meshgrid(steps, steps, indexing="{indexing}"), axis=-1)
    x = {scaled}
    return ({last}).astype(np.float32)
"""


LOG = "np.sign(x) * np.log2(np.abs(x) + 1) / np.log2(8)"

WRONG = (
    Wrong("linear", says="no logarithm", code=_code("x / 8")),
    Wrong("linear, up to 8", says="only the first step", code=_code("x")),
    Wrong("not divided by log2 8", says="divided by log2 8", code=_code("np.sign(x) * np.log2(np.abs(x) + 1)")),
    Wrong(
        "natural logarithm over log2 8",
        says="natural logarithm",
        code=_code("np.sign(x) * np.log(np.abs(x) + 1) / np.log2(8)"),
    ),
    Wrong("the sign lost", says="sign is lost", code=_code("np.log2(np.abs(x) + 1) / np.log2(8)")),
    Wrong("rows and columns swapped", says="Rows and columns are swapped", code=_code(LOG, indexing="xy")),
    Wrong(
        "divided by the window",
        says="window minus 1",
        code=_code(LOG, scaled="8 * offsets / (trained or window)"),
    ),
    Wrong("trained window ignored", says="`trained` is not used", code=_code(LOG, scaled="8 * offsets / (window - 1)")),
    Wrong("not multiplied by 8", says="multiplied by 8", code=_code(LOG, scaled="offsets / ((trained or window) - 1)")),
)
