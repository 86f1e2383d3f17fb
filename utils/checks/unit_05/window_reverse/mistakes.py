"""The mistakes that are made with `window_reverse`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "reshape without transpose",
        says="`reshape` alone",
        code="""
def window_reverse(windows, window, height, width):
    return windows.reshape(windows.shape[0], height, width, windows.shape[-1])
""",
    ),
    Wrong(
        "counts of rows and columns swapped",
        says="how many windows stand in a column",
        code="""
def window_reverse(windows, window, height, width):
    B, _, _, C = windows.shape
    x = windows.reshape(B, width // window, height // window, window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)
""",
    ),
    Wrong(
        "the windows turned over",
        says="each window is transposed",
        code="""
def window_reverse(windows, window, height, width):
    B, _, _, C = windows.shape
    x = windows.reshape(B, height // window, width // window, window, window, C)
    return x.transpose(0, 1, 4, 2, 3, 5).reshape(B, height, width, C)
""",
    ),
    Wrong(
        "split the wrong way round",
        says="order of the axes in your `reshape`",
        code="""
def window_reverse(windows, window, height, width):
    B, _, _, C = windows.shape
    x = windows.reshape(B, height // window, window, width // window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)
""",
    ),
    Wrong(
        "the batch lost",
        says="has shape [4, 6, 3]",
        code="""
def window_reverse(windows, window, height, width):
    B, _, _, C = windows.shape
    x = windows.reshape(B, height // window, width // window, window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(B, height, width, C)[0]
""",
    ),
    Wrong(
        "width and height swapped in the result",
        says="has shape [2, 6, 4, 3]",
        code="""
def window_reverse(windows, window, height, width):
    B, _, _, C = windows.shape
    x = windows.reshape(B, height // window, width // window, window, window, C)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(B, width, height, C)
""",
    ),
)
