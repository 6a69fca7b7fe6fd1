"""Augmentation of images: keras.layers.preprocessing.image_preprocessing. No layer of this family owns anything."""

from __future__ import annotations

from paramcount import Formula, Input, Inputs, ShapeMismatch, Size, Text, layer
from paramcount.counting.graph import flatten
from paramcount.layers.keras.shapes import at_least, channels_first
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import shown

_IMAGES = "data_format bounding_box_format"
"""Arguments of every layer of this family (BaseImagePreprocessingLayer)."""


def _unchanged(data: list[Output]) -> Output:
    """Images, alone or in a dict with their labels and boxes, come out as they came in; dicts by sorted key."""
    leaves = list(flatten(data))
    return leaves[0] if len(leaves) == 1 else leaves


def _resized(data: Dimensions, height: int, width: int, first: bool) -> Dimensions:
    """One image or a batch of them, with another height and width."""
    if len(data) not in (3, 4):
        raise ShapeMismatch(f"takes an image or a batch of images, not {shown(data)}")
    rows = len(data) - 2 if first else len(data) - 3
    return (*data[:rows], height, width, *data[rows + 2 :])


@layer("keras.CenterCrop", ignores="bounding_box_format")
def center_crop(data: Input, height: Size, width: Size, data_format: Text | None = None) -> Formula:
    """The middle. Source: keras.layers.CenterCrop."""
    yield from ()
    return _resized(data, height, width, channels_first(data_format))


@layer("keras.RandomCrop", ignores="seed bounding_box_format")
def random_crop(data: Input, height: Size, width: Size, data_format: Text | None = None) -> Formula:
    """A part. Source: keras.layers.RandomCrop."""
    yield from ()
    return _resized(data, height, width, channels_first(data_format))


@layer(
    "keras.Resizing",
    ignores="interpolation crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value antialias bounding_box_format",
)
def resizing(data: Input, height: Size, width: Size, data_format: Text | None = None) -> Formula:
    """Another size. Source: keras.layers.Resizing."""
    yield from ()
    return _resized(data, height, width, channels_first(data_format))


@layer("keras.RandomColorDegeneration", ignores="factor value_range seed bounding_box_format")
def random_color_degeneration(data: Input, data_format: Text | None = None) -> Formula:
    """Fades the colours, which must be three. Source: keras.layers.RandomColorDegeneration."""
    yield from ()
    colours = at_least(data, 3)[-3 if channels_first(data_format) else -1]
    if len(data) > 4 or colours not in (3, None):
        raise ShapeMismatch(f"takes images of three colours, not {shown(data)}")
    return data


@layer("keras.MaxNumBoundingBoxes", ignores=f"fill_value {_IMAGES}")
def max_num_bounding_boxes(data: Inputs, max_number: Size) -> Formula:
    """Images as they came in, with so many boxes each. Source: keras.layers.MaxNumBoundingBoxes."""
    yield from ()
    found = data[0] if data else None
    boxes = found.get("bounding_boxes") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(boxes, dict):
        bounded = {name: (*shape[:1], max_number, *shape[2:]) for name, shape in boxes.items() if shape}
        return _unchanged([{**found, "bounding_boxes": bounded}])
    return _unchanged(data)


@layer("keras.AugMix", ignores=f"value_range num_chains chain_depth factor alpha all_ops interpolation seed {_IMAGES}")
def aug_mix(data: Inputs) -> Formula:
    """Mixes chains of augmentations. Source: keras.layers.AugMix."""
    yield from ()
    return _unchanged(data)


@layer("keras.AutoContrast", ignores=f"value_range {_IMAGES}")
def auto_contrast(data: Inputs) -> Formula:
    """Stretches the contrast. Source: keras.layers.AutoContrast."""
    yield from ()
    return _unchanged(data)


@layer("keras.ContrastLimitedAdaptiveHistogramEqualization", ignores=f"value_range clip_limit tile_grid_size {_IMAGES}")
def contrast_limited_adaptive_histogram_equalization(data: Inputs) -> Formula:
    """Evens out the contrast, tile by tile. Source: keras.layers.ContrastLimitedAdaptiveHistogramEqualization."""
    yield from ()
    return _unchanged(data)


@layer("keras.CutMix", ignores=f"factor seed {_IMAGES}")
def cut_mix(data: Inputs) -> Formula:
    """Pastes one image into another. Source: keras.layers.CutMix."""
    yield from ()
    return _unchanged(data)


@layer("keras.Equalization", ignores=f"value_range bins {_IMAGES}")
def equalization(data: Inputs) -> Formula:
    """Evens out the histogram. Source: keras.layers.Equalization."""
    yield from ()
    return _unchanged(data)


@layer("keras.MixUp", ignores=f"alpha seed {_IMAGES}")
def mix_up(data: Inputs) -> Formula:
    """Blends two images. Source: keras.layers.MixUp."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandAugment", ignores=f"value_range num_ops factor interpolation seed {_IMAGES}")
def rand_augment(data: Inputs) -> Formula:
    """Applies augmentations at random. Source: keras.layers.RandAugment."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomBrightness", ignores=f"factor value_range seed {_IMAGES}")
def random_brightness(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomBrightness."""
    yield from ()
    return _unchanged(data)


@layer(
    "keras.RandomColorJitter",
    ignores=f"value_range brightness_factor contrast_factor saturation_factor hue_factor seed {_IMAGES}",
)
def random_color_jitter(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomColorJitter."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomContrast", ignores=f"factor value_range seed {_IMAGES}")
def random_contrast(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomContrast."""
    yield from ()
    return _unchanged(data)


@layer(
    "keras.RandomElasticTransform",
    ignores=f"factor scale interpolation fill_mode fill_value value_range seed {_IMAGES}",
)
def random_elastic_transform(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomElasticTransform."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomErasing", ignores=f"factor scale fill_value value_range seed {_IMAGES}")
def random_erasing(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomErasing."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomFlip", ignores=f"mode seed {_IMAGES}")
def random_flip(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomFlip."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomGaussianBlur", ignores=f"factor kernel_size sigma value_range seed {_IMAGES}")
def random_gaussian_blur(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomGaussianBlur."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomGrayscale", ignores=f"factor seed {_IMAGES}")
def random_grayscale(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomGrayscale."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomHue", ignores=f"factor value_range seed {_IMAGES}")
def random_hue(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomHue."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomInvert", ignores=f"factor value_range seed {_IMAGES}")
def random_invert(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomInvert."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomPerspective", ignores=f"factor scale interpolation fill_value seed {_IMAGES}")
def random_perspective(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomPerspective."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomPosterization", ignores=f"factor value_range seed {_IMAGES}")
def random_posterization(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomPosterization."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomRotation", ignores=f"factor fill_mode interpolation seed fill_value {_IMAGES}")
def random_rotation(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomRotation."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomSaturation", ignores=f"factor value_range seed {_IMAGES}")
def random_saturation(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomSaturation."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomSharpness", ignores=f"factor value_range seed {_IMAGES}")
def random_sharpness(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomSharpness."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomShear", ignores=f"x_factor y_factor interpolation fill_mode fill_value seed {_IMAGES}")
def random_shear(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomShear."""
    yield from ()
    return _unchanged(data)


@layer(
    "keras.RandomTranslation", ignores=f"height_factor width_factor fill_mode interpolation seed fill_value {_IMAGES}"
)
def random_translation(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomTranslation."""
    yield from ()
    return _unchanged(data)


@layer("keras.RandomZoom", ignores=f"height_factor width_factor fill_mode interpolation seed fill_value {_IMAGES}")
def random_zoom(data: Inputs) -> Formula:
    """Changes the images at random. Source: keras.layers.RandomZoom."""
    yield from ()
    return _unchanged(data)


@layer("keras.Solarization", ignores=f"addition_factor threshold_factor value_range seed {_IMAGES}")
def solarization(data: Inputs) -> Formula:
    """Inverts bright pixels. Source: keras.layers.Solarization."""
    yield from ()
    return _unchanged(data)
