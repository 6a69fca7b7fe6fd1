"""Augmentation of images: keras.layers.preprocessing.image_preprocessing. No layer of this family has tensors."""

from __future__ import annotations

from paramcount import Formula, Input, Inputs, ShapeMismatch, Size, Text, layer
from paramcount.counting.graph import flatten
from paramcount.layers.keras.shapes import channels_first, require_min_rank
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import format_value

_IMAGES = "data_format bounding_box_format"
"""Arguments of every layer of this family (BaseImagePreprocessingLayer)."""

_SHAPE_KEEPING = (
    ("AugMix", "Mixes several chains of augmentations.",
     "value_range num_chains chain_depth factor alpha all_ops interpolation seed"),
    ("AutoContrast", "Stretches the contrast to the whole value range.", "value_range"),
    ("ContrastLimitedAdaptiveHistogramEqualization", "Equalizes the contrast tile by tile, up to a limit.",
     "value_range clip_limit tile_grid_size"),
    ("CutMix", "Pastes a patch of one image into another and mixes their labels.", "factor seed"),
    ("Equalization", "Equalizes the histogram of each channel.", "value_range bins"),
    ("MixUp", "Blends pairs of images and their labels.", "alpha seed"),
    ("RandAugment", "Applies augmentations drawn at random.", "value_range num_ops factor interpolation seed"),
    ("RandomBrightness", "Randomly changes the brightness.", "factor value_range seed"),
    ("RandomColorJitter", "Randomly changes brightness, contrast, saturation and hue.",
     "value_range brightness_factor contrast_factor saturation_factor hue_factor seed"),
    ("RandomContrast", "Randomly changes the contrast.", "factor value_range seed"),
    ("RandomElasticTransform", "Randomly distorts images by smooth displacements.",
     "factor scale interpolation fill_mode fill_value value_range seed"),
    ("RandomErasing", "Randomly fills a rectangle of an image.", "factor scale fill_value value_range seed"),
    ("RandomFlip", "Randomly flips images.", "mode seed"),
    ("RandomGaussianBlur", "Randomly blurs images with a Gaussian kernel.",
     "factor kernel_size sigma value_range seed"),
    ("RandomGrayscale", "Randomly converts images to grayscale; they keep their channels.", "factor seed"),
    ("RandomHue", "Randomly shifts the hue.", "factor value_range seed"),
    ("RandomInvert", "Randomly inverts the pixel values.", "factor value_range seed"),
    ("RandomPerspective", "Randomly changes the perspective.", "factor scale interpolation fill_value seed"),
    ("RandomPosterization", "Randomly reduces the bits of each channel.", "factor value_range seed"),
    ("RandomRotation", "Randomly rotates images.", "factor fill_mode interpolation seed fill_value"),
    ("RandomSaturation", "Randomly changes the saturation.", "factor value_range seed"),
    ("RandomSharpness", "Randomly sharpens or softens images.", "factor value_range seed"),
    ("RandomShear", "Randomly shears images.", "x_factor y_factor interpolation fill_mode fill_value seed"),
    ("RandomTranslation", "Randomly shifts images.",
     "height_factor width_factor fill_mode interpolation seed fill_value"),
    ("RandomZoom", "Randomly zooms in or out.", "height_factor width_factor fill_mode interpolation seed fill_value"),
    ("Solarization", "Inverts the pixels above a threshold.", "addition_factor threshold_factor value_range seed"),
)  # fmt: skip
"""Class, summary and constructor arguments of the layers whose output has the shapes of their input."""


def _single_or_list(data: list[Output]) -> Output:
    """The shape of one image batch, or the list of shapes of images with labels and boxes; dicts by sorted key."""
    leaves = list(flatten(data))
    return leaves[0] if len(leaves) == 1 else leaves


def _resize(data: Dimensions, height: int, width: int, data_format: str | None) -> Formula:
    """An image or a batch of images, with another height and width."""
    yield from ()
    first = channels_first(data_format)
    if len(data) not in (3, 4):
        raise ShapeMismatch(f"takes an image or a batch of images, not {format_value(data)}")
    height_axis = len(data) - 2 if first else len(data) - 3
    return (*data[:height_axis], height, width, *data[height_axis + 2 :])


def _register_resizing(name: str, summary: str, ignores: str) -> None:
    @layer_variant(f"keras.{name}", summary, f"{ignores} bounding_box_format", weightless=True)
    def resize(data: Input, height: Size, width: Size, data_format: Text | None = None) -> Formula:
        return (yield from _resize(data, height, width, data_format))


_register_resizing("CenterCrop", "Crops the centre of images.", "")
_register_resizing("RandomCrop", "Crops a random part of images.", "seed")
_register_resizing(
    "Resizing",
    "Scales images to a height and width.",
    "interpolation crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value antialias",
)


@layer("keras.RandomColorDegeneration", ignores="factor value_range seed bounding_box_format", weightless=True)
def random_color_degeneration(data: Input, data_format: Text | None = None) -> Formula:
    """Randomly fades the colours of images of three channels. Source: keras.layers.RandomColorDegeneration."""
    yield from ()
    colours = require_min_rank(data, 3)[-3 if channels_first(data_format) else -1]
    if len(data) > 4 or colours not in (3, None):
        raise ShapeMismatch(f"takes images of three colours, not {format_value(data)}")
    return data


@layer("keras.MaxNumBoundingBoxes", ignores=f"fill_value {_IMAGES}", weightless=True)
def max_num_bounding_boxes(data: Inputs, max_number: Size) -> Formula:
    """Cuts or pads the bounding boxes of each image to `max_number`. Source: keras.layers.MaxNumBoundingBoxes."""
    yield from ()
    first = data[0] if data else None
    boxes = first.get("bounding_boxes") if isinstance(first, dict) else None
    if isinstance(first, dict) and isinstance(boxes, dict):
        bounded = {name: (*shape[:1], max_number, *shape[2:]) for name, shape in boxes.items() if shape}
        return _single_or_list([{**first, "bounding_boxes": bounded}])
    return _single_or_list(data)


def _register_shape_keeping(name: str, summary: str, arguments: str) -> None:
    @layer_variant(f"keras.{name}", summary, f"{arguments} {_IMAGES}", weightless=True)
    def augment(data: Inputs) -> Formula:
        yield from ()
        return _single_or_list(data)


for _row in _SHAPE_KEEPING:
    _register_shape_keeping(*_row)
