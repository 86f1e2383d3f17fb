"""Writing a data set in TFDS's own format: `NAME[/CONFIG]/VERSION/{dataset_info.json, features.json, *.tfrecord-…}`.

The names, versions and features are those of TFDS's builder of that name, so that nothing but the data
directory differs between a sample and the real set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from utils.base import quiet_tensorflow

Example = dict[str, Any]  # a feature's name -> its value; "image" as uint8 [H, W, C]


def write(
    name: str,
    splits: Mapping[str, Iterable[Example]],
    data_dir: Path,
    *,
    labels: tuple[str, ...] | None = None,
    description: str,
) -> Path:
    """Write each split's examples as TFDS's builder would have.

    The same examples give the same bytes: images are encoded by TensorFlow's own libpng and libjpeg, whose release is
    locked, since what Pillow writes depends on the zlib that it finds on the machine; protocol buffers are put in
    order; and no date is written.

    Args:
        name: The builder's name.
        splits: Each split's examples.
        data_dir: Where the set's folder, NAME[/CONFIG]/VERSION, is made; it is returned.
        labels: The class names where the builder knows them only after a download.
        description: What the set really is, for its dataset_info.json.

    Raises:
        OSError: The disk is full or cannot be written to.
    """
    tf, tfds = quiet_tensorflow.tensorflow(), quiet_tensorflow.datasets()
    builder = tfds.builder(name, data_dir=data_dir)
    features = builder.info.features
    if labels is not None:
        features["label"].names = list(labels)
    fixed_size = features["image"].shape[0] is not None
    folder = Path(builder.data_path)
    folder.mkdir(parents=True, exist_ok=True)

    def record(example: Example) -> Any:
        image = example["image"]
        image = tf.io.encode_png(image) if fixed_size else tf.io.encode_jpeg(image, quality=85)
        encoded = features.encode_example({**example, "image": image.numpy()})
        unordered = tf.train.Example.FromString(features.serialize_example(encoded))
        return unordered.SerializeToString(deterministic=True)

    infos = []
    for split, examples in splits.items():
        count = size = 0
        file = folder / f"{builder.name}-{split}.tfrecord-00000-of-00001"
        try:
            with tf.io.TFRecordWriter(str(file)) as writer:
                for data in map(record, examples):
                    writer.write(data)
                    count, size = count + 1, size + len(data)
        except tf.errors.OpError as error:  # a full disk, say
            raise OSError(0, error.message.rsplit("; ", 1)[-1]) from error
        infos.append(tfds.core.SplitInfo(name=split, shard_lengths=[count], num_bytes=size))
    builder.info.set_splits(tfds.core.splits.SplitDict(infos))
    about = builder.info.as_proto
    about.description = description
    for true_of_the_real_one_only in ("citation", "download_size", "location"):
        about.ClearField(true_of_the_real_one_only)
    builder.info.write_to_directory(folder)
    return folder
