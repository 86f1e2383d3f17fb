"""The mistakes that are made with `moving_average`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "starts from zero",
        says="starts from 0",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, jnp.zeros_like(x[0]), x)[1]
""",
    ),
    Wrong(
        "weights swapped",
        says="weights are swapped",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = (1 - decay) * average + decay * row
        return average, average
    return lax.scan(step, x[0], x)[1]
""",
    ),
    Wrong(
        "returns the last state",
        says="only the last average",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)[0]
""",
    ),
    Wrong(
        "returns scan's pair",
        says="a `tuple` of 2",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, average
    return lax.scan(step, x[0], x)
""",
    ),
    Wrong(
        "a Python loop",
        says="grows with the number of rows",
        code="""
def moving_average(x, decay):
    average, averages = x[0], []
    for row in x:
        average = decay * average + (1 - decay) * row
        averages.append(average)
    return jnp.stack(averages)
""",
    ),
    Wrong(
        "keeps the rows",
        says="are the rows themselves",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return average, row
    return lax.scan(step, x[0], x)[1]
""",
    ),
    Wrong(
        "keeps the average before the update",
        says="one row late",
        code="""
def moving_average(x, decay):
    def step(average, row):
        return decay * average + (1 - decay) * row, average
    return lax.scan(step, x[0], x)[1]
""",
    ),
    Wrong(
        "appends to a list inside scan",
        says="kept in a variable outside",
        code="""
def moving_average(x, decay):
    averages = []
    def step(average, row):
        average = decay * average + (1 - decay) * row
        averages.append(average)
        return average, None
    lax.scan(step, x[0], x)
    return jnp.stack(averages)
""",
    ),
    Wrong(
        "state and row in the wrong order",
        says="forgets all but",
        code="""
def moving_average(x, decay):
    def step(average, row):
        average = decay * average + (1 - decay) * row
        return row, average
    return lax.scan(step, x[0], x)[1]
""",
    ),
    Wrong(
        "writes into an array",
        says="cannot be changed in place",
        code="""
def moving_average(x, decay):
    averages = jnp.zeros_like(x)
    averages[0] = x[0]
    for t in range(1, len(x)):
        averages[t] = decay * averages[t - 1] + (1 - decay) * x[t]
    return averages
""",
    ),
)
