"""The mistakes that are made with `make_network`, each with what tells it."""

from utils.checks.registry import Wrong

WRONG = (
    Wrong(
        "the module is made outside",
        says="inside the function that is transformed",
        code="""
def make_network(width, classes=10):
    network = VGG8(width, classes)

    def forward(images, dropout=0.0, training=False):
        return network(images, dropout=dropout, training=training)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "transforms the class",
        says="makes the module, but does not call it",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "without a key",
        says="`hk.without_apply_rng`",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return hk.without_apply_rng(hk.transform(forward))
""",
    ),
    Wrong(
        "with state",
        says="`transform_with_state`",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return hk.transform_with_state(forward)
""",
    ),
    Wrong(
        "the function itself",
        says="not transformed",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return forward
""",
    ),
    Wrong(
        "loses training",
        says="`training=True` changes nothing",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "loses dropout",
        says="the rate does not reach",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, training=training)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "always in training",
        says="in evaluation it asks for a key",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width, classes)(images, dropout=dropout, training=True)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "loses the number of classes",
        says="gives 10 numbers for each image",
        code="""
def make_network(width, classes=10):
    def forward(images, dropout=0.0, training=False):
        return VGG8(width)(images, dropout=dropout, training=training)

    return hk.transform(forward)
""",
    ),
    Wrong(
        "another order of arguments",
        says="in this order",
        code="""
def make_network(width, classes=10):
    def forward(images, training=False, dropout=0.0):
        return VGG8(width, classes)(images, dropout=dropout, training=training)

    return hk.transform(forward)
""",
    ),
)
