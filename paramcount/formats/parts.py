"""The tensors of torch's layers by dotted names, and layers of them: for models that are built from their configs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from paramcount.formats.named_tensors.tree import build_tree
from paramcount.model import block_ranges
from paramcount.model.cache import Cache
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

Tensors = Iterator[Tensor]

MAX_CACHED_LAYERS = 4_000
"""The most layers of all cached blocks together."""

_BLOCKS: Cache[Layer] = Cache(MAX_CACHED_LAYERS, Layer.count_layers)
_numbers = count()  # of the blocks, as keys of their counts


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Tensors:
    yield Tensor(f"{name}.weight", (outputs, inputs))
    if bias:
        yield Tensor(f"{name}.bias", (outputs,))


def norm(name: str, width: int) -> Tensors:
    """A layer or group norm."""
    yield Tensor(f"{name}.weight", (width,))
    yield Tensor(f"{name}.bias", (width,))


def convolution(name: str, inputs: int, outputs: int, kernel: tuple[int, ...], bias: bool = True) -> Tensors:
    yield Tensor(f"{name}.weight", (outputs, inputs, *kernel))
    if bias:
        yield Tensor(f"{name}.bias", (outputs,))


def batch_norm(name: str, width: int) -> Tensors:
    yield from norm(name, width)
    for statistic in ("running_mean", "running_var"):
        yield Tensor(f"{name}.{statistic}", (width,), "buffer", "F32", trainable=False)
    yield Tensor(f"{name}.num_batches_tracked", (), "buffer", "I64", trainable=False)


def multihead_attention(name: str, width: int, context: int | None = None) -> Tensors:
    """torch.nn.MultiheadAttention, of keys and values of another width where `context` is given."""
    if context is None or context == width:
        yield Tensor(f"{name}.in_proj_weight", (3 * width, width))
    else:
        yield Tensor(f"{name}.q_proj_weight", (width, width))
        yield Tensor(f"{name}.k_proj_weight", (width, context))
        yield Tensor(f"{name}.v_proj_weight", (width, context))
    yield Tensor(f"{name}.in_proj_bias", (3 * width,))
    yield from linear(f"{name}.out_proj", width, width)


def assemble(name: str, kind: str, tensors: Iterable[Tensor], children: Iterable[Layer] = ()) -> Layer:
    """A layer of tensors by their dotted names, and of other layers.

    Blocks of equal tensors are made, and counted, once: models of one class share most of theirs.
    """
    key = kind, tuple(tensors)
    if (tree := _BLOCKS.get(key)) is None:
        tree = build_tree({tensor.name: tensor for tensor in key[1]})
        tree = tree._replace(type=kind, cache_key=b"block %d" % next(_numbers))
        _BLOCKS.put(key, tree)
    if others := tuple(children):
        return tree._replace(name=name, children=(*tree.children, *others), cache_key=b"")
    return tree._replace(name=name)


def repeat(name: str, copies: int, block: Layer) -> list[Layer]:
    """A list of equal blocks under a name; none where there are none."""
    if not copies:
        return []
    blocks = block._replace(name=block_ranges.format_runs([(0, copies - 1)]), repeat=copies)
    return [Layer(name, "ModuleList", children=(blocks,))]
