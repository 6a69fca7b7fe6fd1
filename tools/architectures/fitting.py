"""From builds to lines: lengths as expressions of arguments, and what each value of an argument changes."""

from __future__ import annotations

from collections.abc import Mapping

from paramcount.formats.architectures.tables import apply
from tools.architectures.building import Builds, Built
from tools.architectures.trees import Definitions, Dimension, ModelTensor, Module, build_module, edits

LARGE, LARGER = {"num_classes": 1009, "in_chans": 5}, {"num_classes": 2003, "in_chans": 7}
"""Arguments that are primes, so that a length that they size is told by them."""

_DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64", "int32": "I32", "bool": "BOOL", "uint8": "U8"}

Shapes = Mapping[str, tuple[Dimension, ...]]


class Inexact(Exception):
    """The builds of an architecture do not tell what its arguments change."""


class Fit:
    """An architecture's builds, and the definitions that its modules become."""

    def __init__(self, builds: Builds, definitions: Definitions) -> None:
        """Raises Inexact."""
        self.builds, self.definitions = builds, definitions
        self.first = self._built("A")
        self.shapes = self.fit_shapes()
        self.root = build_module(*model_of(self.first, self.shapes))
        self.tokens = definitions.tokens(self.root)

    def fit_shapes(self) -> Shapes:
        """The shapes of the first build's tensors. Raises Inexact."""
        return fit_shapes(self.first, self._built("B"))

    def _built(self, key: str) -> Built:
        built = self.builds.get(key, "it was not built")
        if isinstance(built, str):
            raise Inexact(built)
        return built

    def changes(self, key: str) -> tuple[str, ...] | None:
        """The tokens that a build with the arguments LARGE has otherwise; None where there is no such build."""
        if isinstance(self.builds.get(key, ""), str):
            return None
        built = self._built(key)
        if built == self.first:
            return ()
        module = build_module(*model_of(built, fit_like(built, self.first, self.shapes)))
        return tuple(edits(self.tokens, self.definitions.tokens(module)))


def write_architecture(name: str, fit: Fit, pools: tuple[str, ...]) -> list[str]:
    """The lines of an architecture. Raises Inexact."""
    without = fit.changes("Z")
    lines = [" ".join([name, fit.root.kind, *fit.tokens])]
    if without is not None:
        lines.append(" ".join([" num_classes=0", *without]))
    values: dict[tuple[tuple[str, ...], tuple[str, ...] | None], list[str]] = {}
    for pool in pools:
        changes, both = fit.changes(f"A:{pool}"), fit.changes(f"Z:{pool}")
        if changes is None or both is None:
            continue
        combined = without is not None and _agree(fit.tokens, (*changes, *without), both)
        values.setdefault((changes, None if combined else both), []).append(pool or '""')
    for (changes, both), named in values.items():
        lines.append(" ".join([f" global_pool={','.join(named)}", *changes]))
        if both is not None:
            lines.append(" ".join([f" global_pool={','.join(named)} num_classes=0", *both]))
    return lines


def _agree(tokens: list[str], changes: tuple[str, ...], both: tuple[str, ...]) -> bool:
    """Return whether changes made one after the other are those made together."""
    try:
        return sorted(apply(tokens, changes)) == sorted(apply(tokens, both))
    except KeyError:
        return False


def fit_shapes(large: Built, larger: Built) -> Shapes:
    """The shapes of a model that was built with LARGE and LARGER arguments. Raises Inexact."""
    (tensors, _), (others, _) = large, larger
    if {name: others[name][1:] for name in others} != {name: tensors[name][1:] for name in tensors}:
        raise Inexact("other tensors for other numbers of classes and channels")
    return {
        name: tuple(fit_length(*lengths) for lengths in zip(shape, others[name][0], strict=True))
        for name, (shape, _, _) in tensors.items()
    }


def fit_length(large: int, larger: int) -> Dimension:
    """The length as an expression of an argument. Raises Inexact."""
    if large == larger:
        return large
    for argument, value in LARGE.items():
        quotient, rest = divmod(large, value)
        if not rest and larger == quotient * LARGER[argument]:
            return argument if quotient == 1 else f"{quotient}*{argument}"
    raise Inexact(f"a length of {large} becomes {larger}")


def fit_like(built: Built, first: Built, shapes: Shapes) -> Shapes:
    """The shapes of a model with the arguments LARGE, most of whose tensors are those of another with them."""
    tensors, classes = built[0], LARGE["num_classes"]
    return {
        name: shapes[name]
        if name in first[0] and first[0][name][0] == shape
        else tuple(length if length % classes or not length else _times(length // classes) for length in shape)
        for name, (shape, _, _) in tensors.items()
    }


def _times(quotient: int) -> Dimension:
    return "num_classes" if quotient == 1 else f"{quotient}*num_classes"


def model_of(built: Built, shapes: Shapes) -> tuple[dict[str, ModelTensor], Mapping[str, str]]:
    """The saved tensors of a model, with these shapes, and the classes of its modules."""
    tensors = {}
    for name, (_, kind, tied) in built[0].items():
        if not kind.startswith("n:"):
            dtype = _DTYPES[kind.removeprefix("b:")] if kind.startswith("b:") else ""
            tensors[name] = ModelTensor(shapes[name], kind == "f", dtype, tied)
    return tensors, built[1]


__all__ = ["LARGE", "LARGER", "Fit", "Inexact", "Module", "Shapes", "write_architecture"]
