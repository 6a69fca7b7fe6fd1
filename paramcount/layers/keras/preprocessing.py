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
from paramcount.layers.keras.parts import named, run
from paramcount.layers.keras.shapes import channels, channels_first, each, image, of_rank, over_space, spatial, window
from paramcount.model.tensors import Dimensions, Output
from paramcount.schema.validator import shown

_MODES = ("int", "one_hot", "multi_hot", "count")
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def _mode(output_mode: str, *known: str) -> str:
    mode = _OLD_MODES.get(output_mode, output_mode)
    require(mode in known, f"must be one of {', '.join(known)}, not {shown(output_mode)}", "output_mode")
    return mode


def _encoded(inputs: Dimensions, mode: str, depth: int | None) -> Dimensions:
    """One of `depth` for each category, or the sum over the last axis."""
    if mode == "one_hot" and not (len(inputs) > 1 and inputs[-1] == 1):
        return (*inputs, depth)
    return (*inputs[:-1], depth)


@layer("keras.Rescaling", ignores="scale offset")
def rescaling(inputs: Input) -> Formula:
    """x · scale + offset; it owns nothing. Source: keras.layers.Rescaling."""
    yield from ()
    return inputs


@layer("keras.CategoryEncoding", ignores="sparse")
def category_encoding(inputs: Input, num_tokens: Dim, output_mode: Text = "multi_hot") -> Formula:
    """Numbers as vectors of zeros and ones. Source: keras.layers.CategoryEncoding."""
    yield from ()
    return _encoded(inputs, _mode(output_mode, "one_hot", "multi_hot", "count"), num_tokens)


@layer("keras.Discretization", ignores="epsilon sparse")
def discretization(
    inputs: Input, bin_boundaries: Anything = None, num_bins: Size | None = None, output_mode: Text = "int"
) -> Formula:
    """Numbers as the bins they fall in. Source: keras.layers.Discretization."""
    yield from ()
    require(bin_boundaries is None or isinstance(bin_boundaries, list), "must be a list", "bin_boundaries")
    require((num_bins is None) != (bin_boundaries is None), "is given, or bin_boundaries; not both", "num_bins")
    mode = _mode(output_mode, *_MODES)
    depth = num_bins if bin_boundaries is None else len(bin_boundaries) + 1
    if mode == "int":
        return inputs
    if mode == "one_hot":
        return _encoded(inputs, mode, depth)
    return (inputs[0], *inputs[2:], depth) if len(inputs) >= 2 else (depth,)


@layer("keras.Hashing", ignores="mask_value salt sparse")
def hashing(inputs: Input, num_bins: Dim, output_mode: Text = "int") -> Formula:
    """Anything as one of so many bins. Source: keras.layers.Hashing."""
    yield from ()
    return inputs if _mode(output_mode, *_MODES) == "int" else (*inputs[:-1], num_bins)


@layer("keras.HashedCrossing", ignores="sparse")
def hashed_crossing(inputs: Inputs, num_bins: Dim, output_mode: Text = "int") -> Formula:
    """Pairs of features as one of so many bins. Source: keras.layers.HashedCrossing."""
    yield from ()
    mode = _mode(output_mode, "int", "one_hot")
    shapes = each(inputs)
    if len(shapes) != 2 or not all(shapes) or shapes[0][-1] != shapes[1][-1]:
        raise ShapeMismatch("takes two inputs of one shape")
    if mode == "int":
        return shapes[0]
    return (*shapes[0], num_bins) if shapes[0][-1] != 1 else (*shapes[0][:-1], num_bins)


def _looked_up(inputs: Dimensions, mode: str, depth: int | None) -> Dimensions:
    """Source: keras.src.layers.preprocessing.index_lookup.IndexLookup.compute_output_shape."""
    return inputs if mode == "int" else _encoded(inputs, mode, depth)


def _depth(
    vocabulary: Any, max_tokens: int | None, pad: bool, oov: list[Any], vocabulary_size: int | None
) -> int | None:
    """How long a vector that stands for a token is; unknown before the vocabulary is."""
    require(not pad or max_tokens is not None, "needs max_tokens", "pad_to_max_tokens")
    require(max_tokens is None or max_tokens > 1, "must be above 1", "max_tokens")
    if pad:
        return max_tokens
    if not isinstance(vocabulary, list) or not vocabulary:
        return vocabulary_size
    special = vocabulary[: len(oov)] == oov
    return len(vocabulary) if special else len(oov) + len(vocabulary)


_LOOKUP = "idf_weights sparse salt oov_method has_input_vocabulary mask_token invert"


@layer("keras.IntegerLookup", ignores=f"vocabulary_dtype {_LOOKUP}")
def integer_lookup(
    inputs: Input,
    max_tokens: Size | None = None,
    num_oov_indices: Size = 1,
    oov_token: Anything = -1,
    vocabulary: Anything = None,
    output_mode: Text = "int",
    pad_to_max_tokens: Flag = False,
    vocabulary_size: Size | None = None,
) -> Formula:
    """Whole numbers as their places in a vocabulary. Source: keras.layers.IntegerLookup."""
    yield from ()
    mode = _mode(output_mode, *_MODES, "tf_idf")
    oov = _unseen(oov_token, num_oov_indices)
    return _looked_up(inputs, mode, _depth(vocabulary, max_tokens, pad_to_max_tokens, oov, vocabulary_size))


@layer("keras.StringLookup", ignores=f"encoding {_LOOKUP}")
def string_lookup(
    inputs: Input,
    max_tokens: Size | None = None,
    num_oov_indices: Size = 1,
    oov_token: Anything = "[UNK]",  # noqa: S107
    vocabulary: Anything = None,
    output_mode: Text = "int",
    pad_to_max_tokens: Flag = False,
    vocabulary_size: Size | None = None,
) -> Formula:
    """Words as their places in a vocabulary. Source: keras.layers.StringLookup."""
    yield from ()
    mode = _mode(output_mode, *_MODES, "tf_idf")
    oov = _unseen(oov_token, num_oov_indices)
    return _looked_up(inputs, mode, _depth(vocabulary, max_tokens, pad_to_max_tokens, oov, vocabulary_size))


def _unseen(oov_token: Any, count: int) -> list[Any]:
    """The tokens at the start of a vocabulary that stand for words that are not in it."""
    require(count <= 1_000_000, "must be at most 1000000", "num_oov_indices")
    return [oov_token] * count


@layer("keras.TextVectorization", ignores="standardize ngrams idf_weights sparse ragged encoding has_input_vocabulary")
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
    """Text as the numbers of its words. Source: keras.layers.TextVectorization."""
    yield from ()
    mode = _mode(output_mode, "int", "one_hot", "multi_hot", "count", "tf_idf")
    if mode == "int":
        return (inputs[0] if inputs else None, output_sequence_length)
    require(output_sequence_length is None, 'is for the output_mode "int" only', "output_sequence_length")
    depth = _depth(vocabulary, max_tokens, pad_to_max_tokens, ["[UNK]"], vocabulary_size)
    words = (*inputs, 1) if split is None and len(inputs) <= 1 else inputs if split is None else (*inputs, None)
    return _looked_up(words, mode, depth)


@layer("keras.Pipeline")
def pipeline(inputs: Inputs, layers: Parts) -> Formula:
    """Layers one after the other. Source: keras.layers.Pipeline."""
    output: Output = inputs[0] if len(inputs) == 1 else inputs
    for part in layers:
        tensors, output = run(part, output)
        yield from named(part, tensors)
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
    require(mode in modes, f"must be one of {', '.join(modes)}, not {shown(mode)}", "mode")
    require(padding in ("valid", "same"), f'must be "valid" or "same", not {shown(padding)}', "padding")
    step = frame_step or frame_length // 2
    require(1 <= step <= frame_length, f"must be between 1 and {frame_length}", "frame_step")
    length = fft_length or 2 ** ceil(log2(frame_length))
    require(length >= frame_length, f"must be at least {frame_length}", "fft_length")
    first = channels_first(data_format)
    depth = channels(of_rank(inputs, 3), first)
    shape = over_space(inputs, first, lambda _, size: window(size, frame_length, step, padding))
    for name, other in (("real_kernel", "imag"), ("imag_kernel", "real")):
        if mode != other:
            yield Tensor(name, (frame_length, 1, length // 2 + 1))
    frequencies = (length // 2 + 1) * (2 if mode == "stft" else 1)
    (steps,) = spatial(shape, first)
    if not expand_dims:
        return image(inputs[0], [steps], frequencies * depth, first)
    return (inputs[0], depth, steps, frequencies) if first else (inputs[0], steps, frequencies, depth)


@layer(
    "keras.MelSpectrogram",
    ignores="window sampling_rate min_freq max_freq power_to_db top_db mag_exp min_power ref_power",
)
def mel_spectrogram(
    inputs: Input,
    fft_length: Int = 2048,
    sequence_stride: Dim = 512,
    sequence_length: Int | None = None,
    num_mel_bins: Size = 128,
) -> Formula:
    """Sound as bands over time; it owns nothing. Source: keras.layers.MelSpectrogram."""
    yield from ()
    require(fft_length >= (sequence_length or fft_length), "must be at least sequence_length", "fft_length")
    if len(inputs) not in (1, 2):
        raise ShapeMismatch(f"takes sound of one or two axes, not {shown(inputs)}")
    size = inputs[-1]
    steps = None if size is None else (size + sequence_stride + 1) // sequence_stride
    return (*inputs[:-1], num_mel_bins, steps)
