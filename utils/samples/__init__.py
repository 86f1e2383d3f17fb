"""Small data sets that come with the course: made in seconds, with no network, the same everywhere.

    from utils import samples

    samples.ensure("mnist")     # its folder: tfds.builder_from_directory(...)

`mnist` is handwriting that comes with scikit-learn; `cifar10`, `cats_vs_dogs` and `imagenette/160px-v2` are
pictures drawn by the course: drawings, not photographs, and no accuracy on them is the real set's. From
outline to picture: `shapes` (data in ressources/shapes) → `draw` → `scene` → `raster`; `recipes` says how many,
`tfrecords` writes them as TFDS would, `store` sees to it that they're whole.

Importing this imports neither TensorFlow nor scikit-learn.
"""

from utils.samples.store import data_dir as data_dir
from utils.samples.store import ensure as ensure
