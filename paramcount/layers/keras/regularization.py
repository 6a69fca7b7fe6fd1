"""Dropout and noise: keras.layers.regularization. They change no shape and have no tensors."""

from __future__ import annotations

from paramcount import Formula, Input, Number, layer, require
from paramcount.layers.keras.common import SPATIAL_AXES
from paramcount.layers.keras.shapes import require_rank
from paramcount.layers.variants import layer_variant

_DROPOUTS = (
    ("Dropout", "Sets random elements to zero.", "noise_shape seed"),
    ("AlphaDropout", "Drops random elements and keeps the mean and the variance.", "noise_shape seed"),
    ("GaussianDropout", "Multiplies elements by Gaussian noise of mean 1.", "seed"),
)
"""Class, summary and ignored constructor arguments."""


@layer("keras.ActivityRegularization", ignores="l1 l2", weightless=True)
def activity_regularization(inputs: Input) -> Formula:
    """Adds a penalty on its input to the loss. Source: keras.layers.ActivityRegularization."""
    yield from ()
    return inputs


def _require_fraction(value: float, argument: str) -> None:
    require(0 <= value <= 1, "must be between 0 and 1", argument)


def _register_dropout(name: str, summary: str, ignores: str, rank: int | None = None) -> None:
    """A layer with a `rate`; `rank` counts all axes of its input, where only that many are taken.

    The state of its seed generator is no weight.
    """

    @layer_variant(f"keras.{name}", summary, ignores, weightless=True)
    def dropout(inputs: Input, rate: Number) -> Formula:
        yield from ()
        if rank is not None:
            require_rank(inputs, rank)
        _require_fraction(rate, "rate")
        return inputs


for _row in _DROPOUTS:
    _register_dropout(*_row)


@layer("keras.GaussianNoise", ignores="seed", weightless=True)
def gaussian_noise(inputs: Input, stddev: Number) -> Formula:
    """Adds Gaussian noise of mean 0. Source: keras.layers.GaussianNoise."""
    yield from ()
    _require_fraction(stddev, "stddev")
    return inputs


for _axes, _words in SPATIAL_AXES.items():
    _ignores = "seed" if _axes == 1 else "data_format seed"
    _register_dropout(f"SpatialDropout{_axes}D", f"Sets whole channels over {_words} to zero.", _ignores, _axes + 2)
