"""The mistakes that are made with `shift_mask`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "signs the wrong way round",
        says="hides what belongs together",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], -100.0, 0.0).astype(np.float32)
""",
    ),
    Wrong(
        "1 and 0 instead of 0 and -100",
        says="is added to the logits",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return (region[:, :, None] == region[:, None, :]).astype(np.float32)
""",
    ),
    Wrong(
        "only rows",
        says="side by side",
        code="""
def shift_mask(height, width, window, shift):
    region = np.zeros((height, width))
    for i, rows in enumerate((slice(0, -window), slice(-window, -shift), slice(-shift, None))):
        region[rows] = i
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)
""",
    ),
    Wrong(
        "rolled towards the other side",
        says="first rows and columns",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, shift), slice(shift, window), slice(window, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)
""",
    ),
    Wrong(
        "window - shift wrapped round",
        says="last `shift` places",
        code="""
def shift_mask(height, width, window, shift):
    shift = window - shift
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)
""",
    ),
    Wrong(
        "regions numbered by adding",
        says="share a number",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -100.0).astype(np.float32)
""",
    ),
    Wrong(
        "minus infinity",
        says="-inf",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // window, window, width // window, window).transpose(0, 2, 1, 3).reshape(-1, window**2)
    return np.where(region[:, :, None] == region[:, None, :], 0.0, -np.inf).astype(np.float32)
""",
    ),
    Wrong(
        "not cut into windows",
        says="has shape [96, 96]",
        code="""
def shift_mask(height, width, window, shift):
    parts = (slice(0, -window), slice(-window, -shift), slice(-shift, None))
    region = np.zeros((height, width))
    for i, rows in enumerate(parts):
        for j, columns in enumerate(parts):
            region[rows, columns] = 3 * i + j
    region = region.reshape(-1)
    return np.where(region[:, None] == region[None, :], 0.0, -100.0).astype(np.float32)
""",
    ),
)
