"""Evaluate one layer: run its formula on its config and on the shapes of its inputs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol
from weakref import proxy

from paramcount.counting.formulas import StopCounting, run_formula
from paramcount.counting.graph import FAILED, flatten
from paramcount.model.cache import MAX_KEY_BYTES, Cache, encode_key
from paramcount.model.document import Document
from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidConfig, Problems, UnknownLayer
from paramcount.model.layers import Call, Layer, NestedLayer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import FreezeReason, Output, Tensor, TensorSummary
from paramcount.schema.registry import LAYERS, LayerType, resolve

FreezeStatus = tuple[str, FreezeReason | None, bool]
"""The inputs of a layer's sums without rules: the default dtype, its freeze reason, whether there is an adapter."""


class Walk(Protocol):
    """The walk that evaluates a document's layers."""

    def evaluate_nested(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """Return the tensors and the output of a layer inside a layer's config. Raises AlreadyReported."""


class LayerResult:
    """The tensors and the output of a formula, for one config and the shapes of one call; equal layers share it.

    `summaries` are the sums of its tensors by freeze status, each made at its first use.
    """

    __slots__ = ("output", "summaries", "tensors")

    def __init__(self, tensors: tuple[Tensor, ...], output: Output) -> None:
        self.tensors, self.output = tensors, output
        self.summaries: dict[FreezeStatus, TensorSummary] = {}


_BYTES_PER_TENSOR = 1_500
"""The memory of a cached tensor, with its summaries and what is rendered of it."""

_MAX_CACHED_TENSORS = 100
"""The most tensors of a result that is cached."""

_MAX_KEY_SHAPES = 16
"""The most inputs of a call whose shapes are a key by themselves; those of more are encoded, and may be too long."""

_RESULTS: Cache[LayerResult] = Cache(
    max_weight=4 * 2**20,
    weigh=lambda result: MAX_KEY_BYTES // 4 + _BYTES_PER_TENSOR * len(result.tensors),
    admit_on_second_use=True,
)


class AlreadyReported(ArchitectureError):
    """Raised for a layer whose problems are already in the list."""


class LayerEvaluator:
    """Evaluates the layers of one document; collects their problems and warnings."""

    def __init__(self, document: Document, unknown: str, deadline: float, walk: Walk) -> None:
        """`unknown`: "refuse" makes a layer of unknown type a problem, "report" a warning."""
        self.document = document
        self.problems: list[ArchitectureError] = []
        self.warnings: list[ReportWarning] = []
        self._unknown, self._deadline = unknown, deadline
        # Weak: a cycle would keep the document's layers until the next collection of garbage.
        self._walk = proxy(walk)

    def add_problem(self, error: ArchitectureError, pointer: str = "") -> None:
        """Add a problem, its pointer below `pointer`. Raises StopCounting at MAX_PROBLEMS."""
        error.pointer = pointer + error.pointer
        self.problems.append(error)
        if len(self.problems) >= MAX_PROBLEMS:
            raise StopCounting

    def evaluate(self, layer: Layer, path: str, call: Call) -> LayerResult:
        """Return the result of a layer's formula; after a problem, one without tensors whose output is FAILED."""
        key = self._cache_key(layer, call)
        if (cached := _RESULTS.get(key)) is not None:
            return cached
        assert layer.config is not None
        if (layer_type := self._resolve(layer, path)) is None:
            return LayerResult((), None if self._unknown == "report" else FAILED)
        config = layer.config
        if self.document.lenient:
            config = self._accepted_arguments(layer_type, config, path)
        if (result := self._compute(layer_type, config, layer, call)) is None:
            return LayerResult((), FAILED)
        # Not cached: unknown arguments warn each time, nested layers may have problems or warnings each time.
        is_cacheable = not layer_type.signature.parts and len(result.tensors) <= _MAX_CACHED_TENSORS
        if config is layer.config and is_cacheable:
            _RESULTS.put(key, result)
        return result

    def is_weightless(self, layer: Layer) -> bool:
        """Return whether a layer is of a known type that never has tensors."""
        layer_type = LAYERS.get(f"{self.document.framework}.{layer.type}")
        return layer_type is not None and layer_type.weightless

    def _cache_key(self, layer: Layer, call: Call) -> Hashable:
        """Return a key of all inputs of a formula; None where it is too long to be cached."""
        args, kwargs = call
        if layer.cache_key and not kwargs and len(args) == 1:
            (only,) = args
            if type(only) is tuple:
                return layer.cache_key, only
            if _are_shapes(only) and len(only) <= _MAX_KEY_SHAPES:
                return layer.cache_key, "list", *only
        return encode_key((self.document.framework, layer.type, layer.config, args, kwargs))

    def _compute(
        self, layer_type: LayerType, config: Mapping[str, Any], layer: Layer, call: Call
    ) -> LayerResult | None:
        """Return the result of a formula for a config; None after a problem."""
        pointer = layer.pointer + self.document.config_pointer
        follows_failure = bool(layer_type.signature.inputs) and _follows_failure(call)
        if follows_failure and not layer_type.signature.needs_inputs:
            call, follows_failure = Call(), False
        if problems := layer_type.signature.problems(config, pointer):
            for problem in problems:
                self.add_problem(problem)
        elif not follows_failure:
            try:
                return self._run(layer_type, config, pointer, call)
            except AlreadyReported:
                pass
            except Problems as nested:
                for problem in nested.problems:
                    self.add_problem(problem)
            except InvalidConfig as error:
                self.add_problem(error, pointer)
            except ArchitectureError as error:
                self.add_problem(error, layer.pointer)
        return None

    def _resolve(self, layer: Layer, path: str) -> LayerType | None:
        """Return the type of a layer; None after a problem or, with `unknown="report"`, a warning."""
        try:
            return resolve(layer.type, self.document.framework, advise=self._unknown == "refuse")
        except ArchitectureError as error:
            if isinstance(error, UnknownLayer) and self._unknown == "report":
                detail = f'"{layer.type[:100]}" is an unknown layer type; its parameters are not in the totals'
                self.warnings.append(ReportWarning("unknown_layer", path, detail, exact=False))
            else:
                self.add_problem(error, layer.pointer + self.document.type_pointer)
        return None

    def _accepted_arguments(self, layer_type: LayerType, config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        """Return the arguments that a layer accepts; warn of each other one, since it might change the count."""
        signature = layer_type.signature
        if signature.knows(config):
            return config
        accepted = signature.arguments | signature.ignored
        for name in config.keys() - accepted:
            detail = f'the argument "{name[:100]}" of {layer_type.name} is not known: it may change the count'
            self.warnings.append(ReportWarning("unknown_argument", path, detail, exact=False))
        return {name: config[name] for name in config if name in accepted}

    def _run(self, layer_type: LayerType, config: Mapping[str, Any], pointer: str, call: Call) -> LayerResult:
        """Return the result of a formula, nested layers bound to their evaluation."""
        signature = layer_type.signature
        arguments = signature.select(config)
        if signature.parts:
            nested = {
                name: self._nest(arguments[name], f"{pointer}/{name}") for name in signature.parts & arguments.keys()
            }
            arguments = {**arguments, **nested}
        arguments = {**arguments, **signature.bind(call.args, call.kwargs)}
        return LayerResult(*run_formula(layer_type, arguments, self._deadline))

    def _nest(self, value: Any, pointer: str) -> Any:
        """Return an argument with each layer in it as a NestedLayer, which the wrapper's formula calls."""
        if isinstance(value, list):
            return [self._nest(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        if value is None:
            return None
        assert self.document.read_nested_layer is not None
        return NestedLayer(self.document.read_nested_layer(value, pointer), self._walk.evaluate_nested)


def _are_shapes(output: Output) -> bool:
    """Return whether an output is a list of shapes."""
    return type(output) is list and set(map(type, output)) == {tuple}


def _follows_failure(call: Call) -> bool:
    """Return whether an input of the call is the output of a layer with a reported problem."""
    for arg in (*call.args, *call.kwargs.values()) if call.kwargs else call.args:
        if type(arg) is not tuple and FAILED in flatten(arg):
            return True
    return False
