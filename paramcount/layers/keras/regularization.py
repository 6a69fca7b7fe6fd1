"""Dropout and noise: keras.layers.regularization. They change no shape and own nothing that is counted."""

from __future__ import annotations

from paramcount import Formula, Input, Number, layer, require
from paramcount.layers.keras.shapes import of_rank
from paramcount.model.tensors import Dimensions


def _unchanged(inputs: Dimensions, share: float, argument: str) -> Formula:
    """The seed generator's state is no weight."""
    yield from ()
    require(0 <= share <= 1, "must be between 0 and 1", argument)
    return inputs


@layer("keras.ActivityRegularization", ignores="l1 l2")
def activity_regularization(inputs: Input) -> Formula:
    """Adds to the loss only. Source: keras.layers.ActivityRegularization."""
    yield from ()
    return inputs


@layer("keras.Dropout", ignores="noise_shape seed")
def dropout(inputs: Input, rate: Number) -> Formula:
    """Drops elements. Source: keras.layers.Dropout."""
    return (yield from _unchanged(inputs, rate, "rate"))


@layer("keras.AlphaDropout", ignores="noise_shape seed")
def alpha_dropout(inputs: Input, rate: Number) -> Formula:
    """Drops elements, keeping mean and variance. Source: keras.layers.AlphaDropout."""
    return (yield from _unchanged(inputs, rate, "rate"))


@layer("keras.GaussianDropout", ignores="seed")
def gaussian_dropout(inputs: Input, rate: Number) -> Formula:
    """Multiplies by noise. Source: keras.layers.GaussianDropout."""
    return (yield from _unchanged(inputs, rate, "rate"))


@layer("keras.GaussianNoise", ignores="seed")
def gaussian_noise(inputs: Input, stddev: Number) -> Formula:
    """Adds noise. Source: keras.layers.GaussianNoise."""
    return (yield from _unchanged(inputs, stddev, "stddev"))


@layer("keras.SpatialDropout1D", ignores="seed")
def spatial_dropout1d(inputs: Input, rate: Number) -> Formula:
    """Drops whole channels. Source: keras.layers.SpatialDropout1D."""
    return (yield from _unchanged(of_rank(inputs, 3), rate, "rate"))


@layer("keras.SpatialDropout2D", ignores="data_format seed")
def spatial_dropout2d(inputs: Input, rate: Number) -> Formula:
    """Drops whole channels. Source: keras.layers.SpatialDropout2D."""
    return (yield from _unchanged(of_rank(inputs, 4), rate, "rate"))


@layer("keras.SpatialDropout3D", ignores="data_format seed")
def spatial_dropout3d(inputs: Input, rate: Number) -> Formula:
    """Drops whole channels. Source: keras.layers.SpatialDropout3D."""
    return (yield from _unchanged(of_rank(inputs, 5), rate, "rate"))
