"""The mistakes that are made with `patience_is_over`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "one epoch late",
        says="one epoch too late",
        code="""
def patience_is_over(losses, patience):
    return bool(losses) and len(losses) - 1 - int(np.nanargmin(losses)) > patience
""",
    ),
    Wrong(
        "one epoch early",
        says="one epoch too early",
        code="""
def patience_is_over(losses, patience):
    return bool(losses) and len(losses) - int(np.nanargmin(losses)) >= patience
""",
    ),
    Wrong(
        "looks at the last step only",
        says="compares neighbours",
        code="""
def patience_is_over(losses, patience):
    worse = [later >= earlier for earlier, later in zip(losses, losses[1:])]
    return len(worse) >= patience and all(worse[-patience:])
""",
    ),
    Wrong(
        "counts all bad epochs",
        says="before the lowest are forgiven",
        code="""
def patience_is_over(losses, patience):
    best, bad = np.inf, 0
    for loss in losses:
        if loss < best:
            best = loss
        else:
            bad += 1
    return bad >= patience
""",
    ),
    Wrong(
        "the last of several lowest",
        says="only equal is no improvement",
        code="""
def patience_is_over(losses, patience):
    if not losses:
        return False
    best = max(i for i, loss in enumerate(losses) if loss == np.nanmin(losses))
    return len(losses) - 1 - best >= patience
""",
    ),
    Wrong(
        "the highest loss",
        says="the highest loss",
        code="""
def patience_is_over(losses, patience):
    return bool(losses) and len(losses) - 1 - int(np.nanargmax(losses)) >= patience
""",
    ),
    Wrong(
        "does not expect an empty list",
        says="argmin of an empty sequence",
        code="""
def patience_is_over(losses, patience):
    return len(losses) - 1 - int(np.nanargmin(losses)) >= patience
""",
    ),
    Wrong(
        "NaN is the lowest",
        says="NaN is never the lowest",
        code="""
def patience_is_over(losses, patience):
    return bool(losses) and len(losses) - 1 - int(np.argmin(losses)) >= patience
""",
    ),
    Wrong(
        "never",
        says="It never stops",
        code="""
def patience_is_over(losses, patience):
    return False
""",
    ),
    Wrong(
        "an epoch instead of an answer",
        says="`True` or `False`",
        code="""
def patience_is_over(losses, patience):
    return len(losses) - 1 - int(np.nanargmin(losses)) if losses else 0
""",
    ),
)
