"""The weights that Keras stores in HDF5: their shapes, and which of them are the model's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import prod
from typing import NamedTuple

from paramcount.formats.hdf5 import Dataset, Group, Values
from paramcount.formats.named_tensors.checkpoint import MAX_TENSORS, checkpoint_tensor, explain_shape
from paramcount.model.budget import PathBudget
from paramcount.model.errors import InvalidDocument, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning, Row
from paramcount.model.tensors import Tensor

MAX_DEPTH = 64
"""The most groups inside each other."""

VARIABLES = "vars"
"""The group of a layer's own weights in a file of Keras 3, or of tf.keras 2.12 and later."""

_MODEL, _OPTIMIZER, _METRICS, _COPY, _REPEATED = "model", "optimizer", "metrics", "copy", "repeated"
_LEGACY_OWNERS = {"optimizer_weights": _OPTIMIZER}
"""The owners of weights by the first group of their path in a file that `layer_names` orders."""

_BESIDE_MODEL = {
    _OPTIMIZER: ("optimizer", "holds {:,} elements of an optimizer's state in {:,} tensors, not counted"),
    _METRICS: ("other_tensors", "holds {:,} elements of metrics in {:,} tensors, not counted"),
    _COPY: (
        "stored_twice",
        "holds the kernel of SpectralNormalization's layer twice: {:,} elements in {:,} tensors, not counted",
    ),
    _REPEATED: (
        "repeated_layer",
        "holds {:,} elements in {:,} tensors that repeat a layer, as one in two models is stored; they are not counted",
    ),
}
"""The warnings about weights that are not the model's, by their owner."""

_LORA = "lora_"
"""The beginning of the names of LoRA's matrices: a .keras file has them merged with the kernel, an .h5 file apart."""

_MAX_LISTED_SHAPES = 5

MAX_COMPARED_BYTES = 4096
"""The most bytes of a weight's values that are compared with another's."""


class StoredWeight(NamedTuple):
    """One dataset: the names from the root to it, its shape and its type."""

    path: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    values: Values | None

    @property
    def owner(self) -> str:
        """The owner of the weight: the model, its optimizer or its metrics."""
        if VARIABLES not in self.path:
            return _LEGACY_OWNERS.get(self.path[0], _MODEL)
        groups = self.path[: self.path.index(VARIABLES)]
        return next((owner for owner in (_OPTIMIZER, _METRICS) if owner in groups), _MODEL)

    def as_tensor(self) -> Tensor:
        """Return the weight as a tensor of its group."""
        return checkpoint_tensor(self.path[-1], self.shape, self.dtype).with_name(self.path[-1])


class StoredWeights(NamedTuple):
    """The weights of a file: the model's, and the others by their owner."""

    model: tuple[StoredWeight, ...]
    others: Mapping[str, tuple[StoredWeight, ...]]

    @property
    def are_in_groups_of_layers(self) -> bool:
        """True if there are weights, and all are where Keras 3 puts them."""
        weights = [weight for owned in (self.model, *self.others.values()) for weight in owned]
        return bool(weights) and all(VARIABLES in weight.path for weight in weights)

    @property
    def have_optimizer(self) -> bool:
        """True if the optimizer's state is in the file."""
        return _OPTIMIZER in self.others

    def warn_of_others(self) -> Iterator[ReportWarning]:
        """Yield warnings with the sizes of what is stored beside the model's weights."""
        for owner, weights in self.others.items():
            code, detail = _BESIDE_MODEL[owner]
            size = sum(prod(weight.shape) for weight in weights)
            yield ReportWarning(code, "", detail.format(size, len(weights)), exact=owner != _REPEATED)

    def count_layers_once(self) -> StoredWeights:
        """Return the weights with those apart that tf.keras repeats: it stores a layer with each model that has it.

        Layers of two models may have the same names by chance; their values differ, unless they were never trained.
        """
        layers: dict[tuple[str, ...], list[StoredWeight]] = {}
        for weight in self.model:
            layers.setdefault(weight.path[:-1], []).append(weight)
        first: dict[tuple[object, ...], list[StoredWeight]] = {}
        once: list[StoredWeight] = []
        repeated: list[StoredWeight] = []
        for path, weights in layers.items():
            key = (path[1:], *[(weight.path[-1], weight.shape, weight.dtype) for weight in weights])
            is_repeated = key in first and _have_same_values(first[key], weights)
            first.setdefault(key, weights)
            (repeated if is_repeated else once).extend(weights)
        others = {**self.others, _REPEATED: tuple(repeated)} if repeated else self.others
        return StoredWeights(tuple(once), others)

    def warn_of_lora(self) -> tuple[ReportWarning, ...]:
        """Return a warning where a kernel may be that of a layer with LoRA, which only a config tells."""
        if not any(VARIABLES in weight.path and len(weight.shape) > 1 for weight in self.model):
            return ()
        detail = (
            "Keras 3 stores LoRA's matrices merged with their kernel: a model with LoRA, which a file without its "
            "config does not tell, has more weights than are counted here"
        )
        return (ReportWarning("lora_not_stored", "", detail, exact=False),)

    def build_layers(self) -> Layer:
        """Return the groups as layers, the model's weights as their tensors."""
        return _build("", self.model, 0)

    def warn_of_differences(self, root: Row, *, by_shape: bool = True) -> tuple[ReportWarning, ...]:
        """Return a warning where the file does not hold the weights that the model has, as counted by its config.

        Without `by_shape`, it must hold as many elements: Keras 1 wrote a recurrent layer's weights gate by gate.
        """
        counted: Counter[tuple[int, ...]] = Counter()
        lora: Counter[tuple[int, ...]] = Counter()
        for row, copies in root.walk():
            for tensor in row.tensors:
                if not tensor.tied_to:
                    is_lora = tensor.name.rpartition(".")[2].startswith(_LORA)
                    (lora if is_lora else counted)[tensor.shape] += copies
        stored = Counter(weight.shape for weight in self.model)
        if stored in (counted, counted + lora) or (not by_shape and _count(stored) == _count(counted)):
            return ()
        detail = (
            f"the file's weights are not those of its config, which is counted: {_describe(counted - stored)} "
            f"are in the config alone, {_describe(stored - counted)} in the file alone"
        )
        return (ReportWarning("weights_differ", "", detail, exact=False),)


def _count(shapes: Counter[tuple[int, ...]]) -> int:
    return sum(prod(shape) * count for shape, count in shapes.items())


def _describe(shapes: Counter[tuple[int, ...]]) -> str:
    """Return how many weights there are of each shape."""
    if not shapes:
        return "none"
    listed = [f"{count} of {list(shape)}" for shape, count in sorted(shapes.items())[:_MAX_LISTED_SHAPES]]
    more = len(shapes) - len(listed)
    return ", ".join(listed) + (f" and {more} more shapes" if more else "")


def read_weights(members: Iterable[tuple[str, Group | Dataset]]) -> StoredWeights:
    """Return the weights of a file by the members of its root. Raises InvalidDocument, TooLarge or Incomplete."""
    weights: dict[tuple[str, ...], StoredWeight] = {}
    for weight in _walk(members, (), PathBudget()):
        weights[weight.path] = weight
        if len(weights) > MAX_TENSORS:
            raise TooLarge(f"holds more than {MAX_TENSORS:,} weights")
    owned: dict[str, list[StoredWeight]] = {}
    for weight in weights.values():
        owned.setdefault(_COPY if _is_copy(weight, weights) else weight.owner, []).append(weight)
    model = tuple(owned.pop(_MODEL, ()))
    return StoredWeights(model, {owner: tuple(others) for owner, others in owned.items()})


def _have_same_values(weights: Sequence[StoredWeight], others: Sequence[StoredWeight]) -> bool:
    """Return whether no pair of weights is seen to differ."""
    pairs = [(weight.values, other.values) for weight, other in zip(weights, others, strict=True)]
    return all(
        first.read_start(MAX_COMPARED_BYTES) == second.read_start(MAX_COMPARED_BYTES)
        for first, second in pairs
        if first is not None and second is not None
    )


def _is_copy(weight: StoredWeight, weights: Mapping[tuple[str, ...], StoredWeight]) -> bool:
    """Return whether a weight is the kernel of the layer in a SpectralNormalization, which stores it once more."""
    *group, name = weight.path
    if name != "0" or group[-1:] != [VARIABLES]:
        return False
    kernel, vector = weights.get((*group[:-1], "layer", VARIABLES, "0")), weights.get((*group, "1"))
    return (
        kernel is not None
        and vector is not None
        and kernel.shape == weight.shape
        and vector.shape == (1, *weight.shape[-1:])
    )


def _walk(
    members: Iterable[tuple[str, Group | Dataset]], path: tuple[str, ...], paths: PathBudget
) -> Iterator[StoredWeight]:
    if len(path) > MAX_DEPTH:
        raise TooLarge(f"has groups that are nested deeper than {MAX_DEPTH}")
    for name, member in members:
        member_path = (*path, name)
        paths.charge("".join(member_path))
        if not isinstance(member, Dataset):
            yield from _walk(member.members(), member_path, paths)
        elif problem := explain_shape(member.shape):
            raise InvalidDocument(f"{'/'.join(member_path)[:200]} {problem}", code="shape")
        else:
            yield StoredWeight(member_path, *member)


def _build(name: str, weights: Sequence[StoredWeight], depth: int) -> Layer:
    """Return the layer of a group; the paths of its weights have `depth` names in common."""
    tensors = []
    children = []
    for member, group in groupby(weights, lambda weight: weight.path[depth]):
        below = list(group)
        if len(below[0].path) == depth + 1:
            tensors.append(below[0].as_tensor())
        else:
            children.append(_build(member, below, depth + 1))
    return Layer(name, "", children=tuple(children), tensors=tuple(tensors))
