"""The mistakes that are made with `to_batch`, each with what tells it."""

from utils.checks.registry import Wrong, changed

_RIGHT = """
def to_batch(images, labels, size, classes, mean, std):
    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"label {label} is not in 0..{classes - 1}")
    image = images.transpose(0, 2, 3, 1) / 255
    image = (image - np.array(mean)) / np.array(std)
    blanks = size - len(images)
    image = np.concatenate([image, np.zeros((blanks, *image.shape[1:]))])
    label = np.concatenate([labels, np.zeros(blanks)])
    mask = np.arange(size) < len(images)
    return Batch(jnp.asarray(image, jnp.float32), jnp.asarray(label, jnp.int32), jnp.asarray(mask))
"""


_RANGE = "not 0 <= label < classes"


_CHECK = """    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"label {label} is not in 0..{classes - 1}")
"""


_FILL = "    image = np.concatenate([image, np.zeros((blanks, *image.shape[1:]))])\n"

WRONG = (
    Wrong(
        "reshapes",
        says="`reshape` keeps the row of numbers",
        code=changed(_RIGHT, ("images.transpose(0, 2, 3, 1)", "images.reshape(len(images), *images.shape[2:], -1)")),
    ),
    Wrong(
        "swaps rows and columns",
        says="Rows and columns have changed places",
        code=changed(_RIGHT, ("images.transpose(0, 2, 3, 1)", "images.swapaxes(1, 3)")),
    ),
    Wrong(
        "leaves the channels first",
        says="The channels are still the first axis",
        code=changed(
            _RIGHT,
            ("images.transpose(0, 2, 3, 1)", "images"),
            ("np.array(mean)", "np.array(mean)[:, None, None]"),
            ("np.array(std)", "np.array(std)[:, None, None]"),
        ),
    ),
    Wrong(
        "forgets the bytes",
        says="bytes, 0 to 255",
        code=changed(_RIGHT, (" / 255", "")),
    ),
    Wrong(
        "divides by 255 last",
        says="after `mean` and `std`",
        code=changed(_RIGHT, (" / 255", ""), ("/ np.array(std)", "/ np.array(std) / 255")),
    ),
    Wrong(
        "does not normalise",
        says="`mean` and `std` are not used",
        code=changed(_RIGHT, ("    image = (image - np.array(mean)) / np.array(std)\n", "")),
    ),
    Wrong(
        "divides by 255 in whole numbers",
        says="whole numbers",
        code=changed(_RIGHT, (" / 255", " // 255")),
    ),
    Wrong(
        "fills up before normalising",
        says="filled up before",
        code=changed(
            _RIGHT,
            (_FILL, ""),
            (
                "    image = images.transpose(0, 2, 3, 1) / 255\n",
                "    images = np.concatenate([images, np.zeros((size - len(images), *images.shape[1:]))])\n"
                "    image = images.transpose(0, 2, 3, 1) / 255\n",
            ),
            ("blanks = size - len(images)", "blanks = size - len(labels)"),
            ("mask = np.arange(size) < len(images)", "mask = np.arange(size) < len(labels)"),
        ),
    ),
    Wrong(
        "does not fill up",
        says="compiled anew",
        code=changed(_RIGHT, ("blanks = size - len(images)", "blanks = 0; size = len(images)")),
    ),
    Wrong(
        "fills up at the front",
        says="come last",
        code=changed(
            _RIGHT,
            ("[image, np.zeros((blanks, *image.shape[1:]))]", "[np.zeros((blanks, *image.shape[1:])), image]"),
            ("[labels, np.zeros(blanks)]", "[np.zeros(blanks), labels]"),
            ("np.arange(size) < len(images)", "np.arange(size) >= blanks"),
        ),
    ),
    Wrong(
        "a mask that says what is blank",
        says="True for a blank",
        code=changed(_RIGHT, ("np.arange(size) < len(images)", "np.arange(size) >= len(images)")),
    ),
    Wrong(
        "a mask of ones",
        says="True everywhere",
        code=changed(_RIGHT, ("np.arange(size) < len(images)", "np.ones(size, bool)")),
    ),
    Wrong(
        "no look at the labels",
        says="takes label 3 of 3 classes",
        code=changed(_RIGHT, (_CHECK, "")),
    ),
    Wrong(
        "off by one",
        says="labels 0, 1 and 2; it takes 3",
        code=changed(_RIGHT, (_RANGE, "not 0 <= label <= classes")),
    ),
    Wrong(
        "negative labels pass",
        says="takes label −1",
        code=changed(_RIGHT, (_RANGE, "label >= classes")),
    ),
    Wrong(
        "clips the labels",
        says="makes it another label",
        code=changed(_RIGHT, (_CHECK, "    labels = labels.clip(0, classes - 1)\n")),
    ),
    Wrong(
        "does not name the label",
        says="does not name it",
        code=changed(_RIGHT, ('f"label {label} is not in 0..{classes - 1}"', '"a label is out of range"')),
    ),
    Wrong(
        "asserts",
        says="`assert` is skipped",
        code=changed(_RIGHT, (_CHECK, "    assert all(0 <= label < classes for label in labels)\n")),
    ),
    Wrong(
        "normalises in place",
        says="changed one of its arguments",
        code=changed(
            _RIGHT,
            (
                "    image = images.transpose(0, 2, 3, 1) / 255\n",
                "    image = images.transpose(0, 2, 3, 1) / 255\n    labels += 0; images[:] = 0\n",
            ),
        ),
    ),
)
