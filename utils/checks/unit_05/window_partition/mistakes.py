"""The mistakes that are made with `window_partition`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "reshape without transpose",
        says="runs of the picture's rows",
        code="""
def window_partition(x, window):
    return x.reshape(x.shape[0], -1, window * window, x.shape[-1])
""",
    ),
    Wrong(
        "windows column by column",
        says="windows go down the columns",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    return x.transpose(0, 3, 1, 2, 4, 5).reshape(B, -1, window * window, C)
""",
    ),
    Wrong(
        "tokens column by column",
        says="tokens of a window go down its columns",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    return x.transpose(0, 1, 3, 4, 2, 5).reshape(B, -1, window * window, C)
""",
    ),
    Wrong(
        "height and width swapped",
        says="Height and width are swapped",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    return x.transpose(0, 3, 1, 4, 2, 5).reshape(B, -1, window * window, C)
""",
    ),
    Wrong(
        "every w-th token",
        says="tokens that are far apart",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, window, H // window, window, W // window, C)
    return x.transpose(0, 2, 4, 1, 3, 5).reshape(B, -1, window * window, C)
""",
    ),
    Wrong(
        "windows and pictures in one axis, as PyTorch has it",
        says="Keep the batch's axis",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, window * window, C)
""",
    ),
    Wrong(
        "tokens not flattened",
        says="has shape [2, 6, 2, 2, 3]",
        code="""
def window_partition(x, window):
    B, H, W, C = x.shape
    x = x.reshape(B, H // window, window, W // window, window, C)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(B, -1, window, window, C)
""",
    ),
)
