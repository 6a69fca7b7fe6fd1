"""What a formula makes of a config and of what flows in; alike layers are worked out once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

from paramcount.counting.graph import FAILED, flatten
from paramcount.counting.tensor_totals import TensorSummary
from paramcount.model.cache import Recurring, key
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidConfig, Problems, TooLarge, UnknownLayer
from paramcount.model.layers import Call, Layer, NestedLayer
from paramcount.model.report import ReportWarning, Row
from paramcount.model.tensors import Formula, FreezeReason, Output, Tensor
from paramcount.schema.registry import LayerType, resolve
from paramcount.schema.validator import MAX_PROBLEMS

MAX_COUNT = 2**53 - 1
"""The largest count that every reader of JSON holds exactly."""


Fates = dict[tuple[str, FreezeReason | None, bool], TensorSummary]
"""What became of some tensors, by dtype, by what freezes them, with an adapter."""


class Applied(NamedTuple):
    """What a formula yields and returns, and what became of that."""

    tensors: tuple[Tensor, ...]
    output: Output
    settled: Fates


_KNOWN: Recurring[Applied] = Recurring()


class Enough(Exception):
    """There are problems enough to tell, or a limit is reached."""


class Told(ArchitectureError):
    """What is wrong inside a layer is told already."""


class Leaves(ABC):
    """The layers of a document that formulas know, what is wrong with them, and what must be said of them."""

    def __init__(self, document: Document, unknown: str) -> None:
        self.document, self._unknown = document, unknown
        self.problems: list[ArchitectureError] = []
        self.warnings: list[ReportWarning] = []

    @abstractmethod
    def inside(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """The tensors and the output of a layer inside a layer's config. Raises Told."""

    def blame(self, error: ArchitectureError, pointer: str) -> None:
        """Note a problem at `pointer`, and go on with the others."""
        error.pointer = pointer + error.pointer
        self.problems.append(error)
        if len(self.problems) >= MAX_PROBLEMS:
            raise Enough

    def applied(self, layer: Layer, path: str, given: Call) -> Applied:
        """The tensors and the output of a layer that a formula knows."""
        args, kwargs = given
        essence: Hashable  # what the formula's result follows from; None where that is too long
        if layer.cache_key and not kwargs and len(args) == 1 and type(args[0]) is tuple:
            essence = layer.cache_key, args[0]
        elif layer.cache_key and not kwargs and len(args) == 1 and _are_shapes(args[0]):
            essence = layer.cache_key, "list", *args[0]
        else:
            essence = key((self.document.framework, layer.type, layer.config, args, kwargs))
        if (known := _KNOWN.recall(essence)) is not None:
            return known
        assert layer.config is not None
        if (kind := self._kind(layer, path)) is None:
            return Applied((), None if self._unknown == "report" else FAILED, {})
        config = self._known(kind, layer.config, path) if self.document.lenient else layer.config
        if (found := self._computed(kind, config, layer, given)) is None:
            return Applied((), FAILED, {})
        # Every argument must be known; and what is within a wrapper's config may have something to say each time.
        if config is layer.config and not kind.signature.parts:
            _KNOWN.keep(essence, found)
        return found

    def _computed(self, kind: LayerType, config: Mapping[str, Any], layer: Layer, given: Call) -> Applied | None:
        """What the formula makes of a config; None where something is wrong, which is told then."""
        pointer = layer.pointer + self.document.config_pointer
        if wrong := kind.signature.problems(config, pointer):
            for problem in wrong:
                self.blame(problem, "")
        elif not (kind.signature.inputs and _fed_by_failure(given)):
            try:
                return self._apply(kind, config, pointer, given)
            except Told:
                pass
            except Problems as inner:
                for problem in inner.problems:
                    self.blame(problem, "")
            except InvalidConfig as error:
                self.blame(error, pointer)
            except ArchitectureError as error:
                self.blame(error, layer.pointer)
        return None

    def _kind(self, layer: Layer, path: str) -> LayerType | None:
        """The type of a layer, or None where that is a problem or, if so asked, a notice."""
        try:
            return resolve(layer.type, self.document.framework)
        except ArchitectureError as error:
            if isinstance(error, UnknownLayer) and self._unknown == "report":
                detail = f'"{layer.type[:100]}" is no known layer; its parameters are not in the totals'
                self.warnings.append(ReportWarning("unknown_layer", path, detail, exact=False))
            else:
                self.blame(error, layer.pointer + self.document.type_pointer)
        return None

    def _known(self, kind: LayerType, config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        """The arguments that a layer knows; the others are told, since they might change the count."""
        if kind.signature.knows(config):
            return config
        known = kind.signature.arguments | kind.signature.ignored
        for name in config.keys() - known:
            detail = f'the argument "{name[:100]}" of {kind.name} is not known: it may change the count'
            self.warnings.append(ReportWarning("unknown_argument", path, detail, exact=False))
        return {name: config[name] for name in config if name in known}

    def _apply(self, kind: LayerType, config: Mapping[str, Any], pointer: str, given: Call) -> Applied:
        """What a formula yields and returns."""
        signature = kind.signature
        arguments = signature.chosen(config)
        if signature.parts:
            inner = signature.parts & arguments.keys()
            arguments = {**arguments, **{name: self._parts(arguments[name], f"{pointer}/{name}") for name in inner}}
        return _run(kind.formula(**signature.bind(given.args, given.kwargs), **arguments))

    def _parts(self, value: Any, pointer: str) -> Any:
        """Layers inside a config, as their wrapper's formula calls them."""
        if isinstance(value, list):
            return [self._parts(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        if value is None:
            return None
        assert self.document.read_nested_layer is not None
        return NestedLayer(self.document.read_nested_layer(value, pointer), self.inside)


def _run(formula: Formula) -> Applied:
    """A formula, run. Raises TooLarge where it returns an axis that JSON cannot tell: a chain may double one."""
    returned: list[Output] = []
    tensors = tuple(_yielded(formula, returned))
    (output,) = returned
    for shape in (output,) if isinstance(output, tuple) else flatten(output):
        for size in shape or ():
            if size and size > MAX_COUNT:
                raise TooLarge(f"returns an axis longer than {MAX_COUNT:,}", code="count_too_large")
    return Applied(tensors, output, {})


def _yielded(formula: Formula, returned: list[Output]) -> Iterator[Tensor]:
    """What a formula yields; what it returns is put aside."""
    returned.append((yield from formula))


def _are_shapes(output: Output) -> bool:
    """Whether it is a list of them."""
    return type(output) is list and set(map(type, output)) == {tuple}


def _fed_by_failure(call: Call) -> bool:
    """Whether something is wrong with what feeds a call, which is told already."""
    for arg in (*call.args, *call.kwargs.values()) if call.kwargs else call.args:
        if type(arg) is not tuple and FAILED in flatten(arg):
            return True
    return False


def tensors_of(row: Row, types: tuple[str, ...], prefix: str = "") -> Iterator[Tensor]:
    """All tensors of a row, named from it, of layers of these types; a block's copies are alike, and each is there."""
    for copy in range(row.repeat):
        start = f"{prefix}{copy}." if row.repeat > 1 else prefix
        for tensor in row.tensors:
            yield tensor._replace(name=start + tensor.name, layer_types=types + tensor.layer_types)
        for child in row.children:
            yield from tensors_of(child, (*types, child.type), f"{start}{child.name}.")
