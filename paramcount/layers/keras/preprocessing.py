"""Preprocessing of text, categories, numbers and sound: keras.layers.preprocessing."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

from paramcount import (
    Anything,
    Dim,
    Flag,
    Formula,
    Input,
    Inputs,
    Int,
    Parts,
    ShapeMismatch,
    Size,
    Tensor,
    Text,
    layer,
    require,
)
from paramcount.layers.keras.nested import nested_formula
from paramcount.layers.keras.shapes import (
    channel_count,
    channels_first,
    image_shape,
    require_either,
    require_one_of,
    require_rank,
    require_shapes,
    spatial_lengths,
    window_count,
)
from paramcount.layers.variants import layer_variant
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import format_value

MAX_OOV_TOKENS = 1_000_000
"""The bound on `num_oov_indices`, since each makes a token to compare."""

_MODES = ("int", "one_hot", "multi_hot", "count")
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def _require_mode(output_mode: str, *modes: str) -> str:
    """Return the mode by its present name."""
    mode = _OLD_MODES.get(output_mode, output_mode)
    require_one_of(mode, modes, "output_mode", stated=output_mode)
    return mode


def _encode(inputs: Dimensions, mode: str, depth: int | None) -> Dimensions:
    """The shape after encoding: `depth` numbers for each category (one_hot), or for all of the last axis."""
    if mode == "one_hot" and not (len(inputs) > 1 and inputs[-1] == 1):
        return (*inputs, depth)
    return (*inputs[:-1], depth)


@layer("keras.Rescaling", ignores="scale offset", weightless=True)
def rescaling(inputs: Input) -> Formula:
    """x · scale + offset. No parameters. Source: keras.layers.Rescaling."""
    yield from ()
    return inputs


@layer("keras.CategoryEncoding", ignores="sparse", weightless=True)
def category_encoding(inputs: Input, num_tokens: Dim, output_mode: Text = "multi_hot") -> Formula:
    """Encodes integers as vectors of length `num_tokens`. Source: keras.layers.CategoryEncoding."""
    yield from ()
    return _encode(inputs, _require_mode(output_mode, "one_hot", "multi_hot", "count"), num_tokens)


@layer("keras.Discretization", ignores="epsilon sparse", weightless=True)
def discretization(
    inputs: Input, bin_boundaries: Anything = None, num_bins: Size | None = None, output_mode: Text = "int"
) -> Formula:
    """Maps numbers to the bins in which they fall. Source: keras.layers.Discretization."""
    yield from ()
    require(bin_boundaries is None or isinstance(bin_boundaries, list), "must be a list", "bin_boundaries")
    require((num_bins is None) != (bin_boundaries is None), "is given, or bin_boundaries; not both", "num_bins")
    mode = _require_mode(output_mode, *_MODES)
    depth = num_bins if bin_boundaries is None else len(bin_boundaries) + 1
    if mode == "int":
        return inputs
    if mode == "one_hot":
        return _encode(inputs, mode, depth)
    return (inputs[0], *inputs[2:], depth) if len(inputs) >= 2 else (depth,)


@layer("keras.Hashing", ignores="mask_value salt sparse", weightless=True)
def hashing(inputs: Input, num_bins: Dim, output_mode: Text = "int") -> Formula:
    """Hashes categories to `num_bins` bins. Source: keras.layers.Hashing."""
    yield from ()
    return inputs if _require_mode(output_mode, *_MODES) == "int" else (*inputs[:-1], num_bins)


@layer("keras.HashedCrossing", ignores="sparse", weightless=True)
def hashed_crossing(inputs: Inputs, num_bins: Dim, output_mode: Text = "int") -> Formula:
    """Hashes pairs of features to `num_bins` bins. Source: keras.layers.HashedCrossing."""
    yield from ()
    mode = _require_mode(output_mode, "int", "one_hot")
    shapes = require_shapes(inputs)
    if len(shapes) != 2 or not all(shapes) or shapes[0][-1] != shapes[1][-1]:
        raise ShapeMismatch("takes two inputs of one shape")
    if mode == "int":
        return shapes[0]
    return (*shapes[0], num_bins) if shapes[0][-1] != 1 else (*shapes[0][:-1], num_bins)


def _look_up(inputs: Dimensions, mode: str, depth: int | None) -> Dimensions:
    """The shape after a lookup. Source: keras.src.layers.preprocessing.index_lookup.IndexLookup."""
    return inputs if mode == "int" else _encode(inputs, mode, depth)


def _depth(
    vocabulary: Any, max_tokens: int | None, pad: bool, oov: list[Any], vocabulary_size: int | None
) -> int | None:
    """The length of the vector of a token; None while the vocabulary is unknown.

    `oov` are the tokens for words out of the vocabulary, with which it may begin.
    """
    require(not pad or max_tokens is not None, "needs max_tokens", "pad_to_max_tokens")
    require(max_tokens is None or max_tokens > 1, "must be above 1", "max_tokens")
    if pad:
        return max_tokens
    if not isinstance(vocabulary, list) or not vocabulary:
        return vocabulary_size
    begins_with_oov = vocabulary[: len(oov)] == oov
    return len(vocabulary) if begins_with_oov else len(oov) + len(vocabulary)


_LOOKUP = "idf_weights sparse salt oov_method has_input_vocabulary mask_token invert"


def _register_lookup(name: str, summary: str, default_oov_token: int | str, argument: str) -> None:
    @layer_variant(f"keras.{name}", summary, f"{argument} {_LOOKUP}", weightless=True)
    def look_up(
        inputs: Input,
        max_tokens: Size | None = None,
        num_oov_indices: Size = 1,
        oov_token: Anything = default_oov_token,
        vocabulary: Anything = None,
        output_mode: Text = "int",
        pad_to_max_tokens: Flag = False,
        vocabulary_size: Size | None = None,
    ) -> Formula:
        yield from ()
        mode = _require_mode(output_mode, *_MODES, "tf_idf")
        require(num_oov_indices <= MAX_OOV_TOKENS, f"must be at most {MAX_OOV_TOKENS}", "num_oov_indices")
        oov = [oov_token] * num_oov_indices
        return _look_up(inputs, mode, _depth(vocabulary, max_tokens, pad_to_max_tokens, oov, vocabulary_size))


_register_lookup("IntegerLookup", "Maps integers to their indices in a vocabulary.", -1, "vocabulary_dtype")
_register_lookup("StringLookup", "Maps strings to their indices in a vocabulary.", "[UNK]", "encoding")


@layer(
    "keras.TextVectorization",
    ignores="standardize ngrams idf_weights sparse ragged encoding has_input_vocabulary",
    weightless=True,
)
def text_vectorization(
    inputs: Input,
    max_tokens: Size | None = None,
    split: Anything = "whitespace",
    output_mode: Text = "int",
    output_sequence_length: Size | None = None,
    pad_to_max_tokens: Flag = False,
    vocabulary: Anything = None,
    vocabulary_size: Size | None = None,
) -> Formula:
    """Maps the words of texts to indices or encodes them. Source: keras.layers.TextVectorization."""
    yield from ()
    mode = _require_mode(output_mode, "int", "one_hot", "multi_hot", "count", "tf_idf")
    if mode == "int":
        return (inputs[0] if inputs else None, output_sequence_length)
    require(output_sequence_length is None, 'is for the output_mode "int" only', "output_sequence_length")
    depth = _depth(vocabulary, max_tokens, pad_to_max_tokens, ["[UNK]"], vocabulary_size)
    words = (*inputs, 1) if split is None and len(inputs) <= 1 else inputs if split is None else (*inputs, None)
    return _look_up(words, mode, depth)


@layer("keras.Pipeline")
def pipeline(inputs: Inputs, layers: Parts) -> Formula:
    """Applies layers one after the other. Source: keras.layers.Pipeline."""
    output: Output = inputs[0] if len(inputs) == 1 else inputs
    for part in layers:
        output = yield from nested_formula(part, output)
    return output


@layer("keras.STFTSpectrogram", ignores="window periodic scaling")
def stft_spectrogram(
    inputs: Input,
    mode: Text = "log",
    frame_length: Dim = 256,
    frame_step: Dim | None = None,
    fft_length: Dim | None = None,
    padding: Text = "valid",
    expand_dims: Flag = False,
    data_format: Text | None = None,
) -> Formula:
    """The Fourier transform as two convolutions, whose kernels train. Source: keras.layers.STFTSpectrogram."""
    modes = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    require_one_of(mode, modes, "mode")
    require_either(padding, "valid", "same", "padding")
    step = frame_step or frame_length // 2
    require(1 <= step <= frame_length, f"must be between 1 and {frame_length}", "frame_step")
    length = fft_length or 2 ** ceil(log2(frame_length))
    require(length >= frame_length, f"must be at least {frame_length}", "fft_length")
    first = channels_first(data_format)
    channels = channel_count(require_rank(inputs, 3), first)
    (steps,) = spatial_lengths(inputs, first, lambda _, size: window_count(size, frame_length, step, padding))
    for name, other in (("real_kernel", "imag"), ("imag_kernel", "real")):
        if mode != other:
            yield Tensor(name, (frame_length, 1, length // 2 + 1))
    frequencies = (length // 2 + 1) * (2 if mode == "stft" else 1)
    if not expand_dims:
        return image_shape(inputs[0], [steps], frequencies * channels, first)
    return (inputs[0], channels, steps, frequencies) if first else (inputs[0], steps, frequencies, channels)


@layer(
    "keras.MelSpectrogram",
    ignores="window sampling_rate min_freq max_freq power_to_db top_db mag_exp min_power ref_power",
    weightless=True,
)
def mel_spectrogram(
    inputs: Input,
    fft_length: Int = 2048,
    sequence_stride: Dim = 512,
    sequence_length: Int | None = None,
    num_mel_bins: Size = 128,
) -> Formula:
    """The mel bands of sound over time. No parameters. Source: keras.layers.MelSpectrogram."""
    yield from ()
    require(fft_length >= (sequence_length or fft_length), "must be at least sequence_length", "fft_length")
    if len(inputs) not in (1, 2):
        raise ShapeMismatch(f"takes sound of one or two axes, not {format_value(inputs)}")
    size = inputs[-1]
    steps = None if size is None else (size + sequence_stride + 1) // sequence_stride
    return (*inputs[:-1], num_mel_bins, steps)
