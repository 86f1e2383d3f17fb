"""The mistakes that are made with `rising`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "begins at zero",
        says="begins with 0",
        code="""
def rising(top, depth):
    return [top * place / depth for place in range(depth)]
""",
    ),
    Wrong(
        "from zero to top",
        says="steps are too large",
        code="""
def rising(top, depth):
    return [top * place / (depth - 1) for place in range(depth)]
""",
    ),
    Wrong(
        "falls",
        says="falls with depth",
        code="""
def rising(top, depth):
    return [top * (depth - place) / depth for place in range(depth)]
""",
    ),
    Wrong(
        "the same everywhere",
        says="the same rate everywhere",
        code="""
def rising(top, depth):
    return [top] * depth
""",
    ),
    Wrong(
        "one too many",
        says="It returned 5 rates",
        code="""
def rising(top, depth):
    return [top * place / depth for place in range(depth + 1)]
""",
    ),
    Wrong(
        "an array",
        says="a Python list",
        code="""
def rising(top, depth):
    return jnp.linspace(top / depth, top, depth)
""",
    ),
    Wrong(
        "turns the rates into Python numbers",
        says="`float()`",
        code="""
def rising(top, depth):
    return [float(top) * (place + 1) / depth for place in range(depth)]
""",
    ),
    Wrong(
        "doubles from place to place",
        says="not equal steps",
        code="""
def rising(top, depth):
    return [top / 2 ** (depth - 1 - place) for place in range(depth)]
""",
    ),
    Wrong(
        "forgets the top",
        says="ends at 1",
        code="""
def rising(top, depth):
    return [(place + 1) / depth for place in range(depth)]
""",
    ),
)
