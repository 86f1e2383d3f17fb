"""Ways to vary training pictures.

    from utils.data import augment

    data.load("cifar10", "train", batch_size=64, shuffle=True,
              augment=(augment.flip(), augment.pad_and_crop(4), augment.cutout(8)))

Each function here returns another one, which takes one picture and a seed and returns a picture:

    (image [H, W, C] float32 in 0..1, seed [2] int32) -> image [H', W', C] float32

A function of your own of that form can stand beside them: TensorFlow traces it, so use `tf` operations, and draw by
`tf.random.stateless_*`. All randomness comes from the seed, which `load` derives from its own seed, the epoch, the
function's place and the example's index: the same run gives the same pictures, however many threads work on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from utils.base.errors import CourseError
from utils.base.quiet_tensorflow import tensorflow
from utils.data.arguments import whole

OnImage = Callable[[Any, Any], Any]


def flip() -> OnImage:
    """Mirror left and right, for half of the pictures (not for digits or letters, which it makes into others)."""
    return lambda image, seed: tensorflow().image.stateless_random_flip_left_right(image, seed)


def pad_and_crop(pixels: int, mode: str = "constant") -> OnImage:
    """Shift by up to `pixels` each way: pad every side, cut the original size out at random.

    As for CIFAR-10 in He et al. 2015, "Deep residual learning for image recognition" (4 pixels), after Lee et al. 2015,
    "Deeply-supervised nets".

    Args:
        pixels: How wide each side is padded.
        mode: What the padding is, "constant" (black) or "reflect".
    """
    pixels = whole(pixels, "pad_and_crop: pixels", least=0)
    if mode not in ("constant", "reflect"):
        raise CourseError(f'pad_and_crop wants the mode "constant" or "reflect", not {mode!r}.')

    def apply(image: Any, seed: Any) -> Any:
        tf = tensorflow()
        if mode == "reflect" and pixels >= min(image.shape[:2]):
            raise CourseError(f"pad_and_crop: pictures of {min(image.shape[:2])} pixels reflect less than {pixels}.")
        padded = tf.pad(image, [[pixels, pixels], [pixels, pixels], [0, 0]], mode.upper())
        return tf.image.stateless_random_crop(padded, image.shape, seed)

    return apply


def random_resized_crop(
    size: int, scale: tuple[float, float] = (0.35, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)
) -> OnImage:
    """Cut out a box at random and resize it (bilinear) to `size` × `size`.

    Load the pictures somewhat larger than `size`, so that a small box is not blown up: `load(..., size=80)` for
    `random_resized_crop(64)`, and `load(..., size=64)` for the pictures it is tested on.
    Szegedy et al. 2014, "Going deeper with convolutions" (there with scale from 0.08).

    Args:
        size: Side in pixels of what is returned.
        scale: Least and greatest share of the picture's area.
        ratio: Least and greatest ratio of the box's width to its height.
    """
    size = whole(size, "random_resized_crop: size", least=1)
    if not 0 < scale[0] <= scale[1] <= 1 or not 0 < ratio[0] <= ratio[1]:
        raise CourseError(
            "random_resized_crop wants scale within 0..1 and ratio above 0, each from low to high, "
            f"not {scale} and {ratio}."
        )

    def apply(image: Any, seed: Any) -> Any:
        tf = tensorflow()
        _, _, box = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(image),
            tf.zeros((1, 0, 4)),
            seed,
            min_object_covered=0.0,
            aspect_ratio_range=ratio,
            area_range=scale,
            use_image_if_no_bounding_boxes=True,
        )  # [1, 1, 4]: top, left, bottom, right in 0..1
        return tf.image.crop_and_resize(image[None], box[0], [0], (size, size))[0]

    return apply


def colour(brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2, hue: float = 0.0) -> OnImage:
    """Vary the light and the colours.

    After Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", and Howard 2013,
    "Some improvements on deep convolutional neural network based image classification".

    Args:
        brightness: Greatest amount added or taken away; 1 is from black to white.
        contrast: A factor from 1 − x to 1 + x.
        saturation: Likewise; grey pictures are left as they are.
        hue: Greatest turn, 1 being once round the colour circle; grey pictures are left as they are.
    """
    if not (brightness >= 0 and 0 <= contrast < 1 and 0 <= saturation < 1 and 0 <= hue <= 0.5):
        raise CourseError("colour wants brightness ≥ 0, contrast and saturation from 0 to below 1, hue from 0 to 0.5.")

    def apply(image: Any, seed: Any) -> Any:
        tf = tensorflow()
        seeds = tf.random.split(seed, 4)
        if brightness:
            image = tf.image.stateless_random_brightness(image, brightness, seeds[0])
        if contrast:
            image = tf.image.stateless_random_contrast(image, 1 - contrast, 1 + contrast, seeds[1])
        if image.shape[-1] == 3 and saturation:
            image = tf.image.stateless_random_saturation(image, 1 - saturation, 1 + saturation, seeds[2])
        if image.shape[-1] == 3 and hue:
            image = tf.image.stateless_random_hue(image, hue, seeds[3])
        return tf.clip_by_value(image, 0.0, 1.0)

    return apply


def cutout(size: int, fill: float = 0.5) -> OnImage:
    """Cover a square of `size` × `size` pixels with grey (`fill`); its centre is anywhere, so some lies outside.

    DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout" (16 on CIFAR-10).
    """
    size = whole(size, "cutout: size", least=1)

    def apply(image: Any, seed: Any) -> Any:
        tf = tensorflow()
        height, width = image.shape[0], image.shape[1]
        centre = tf.random.stateless_uniform((2,), seed) * (height, width)
        top, left = tf.unstack(tf.cast(centre, tf.int32) - size // 2)
        row, column = tf.range(height)[:, None, None], tf.range(width)[None, :, None]
        covered = (row >= top) & (row < top + size) & (column >= left) & (column < left + size)  # [H, W, 1]
        return tf.where(covered, fill, image)

    return apply
