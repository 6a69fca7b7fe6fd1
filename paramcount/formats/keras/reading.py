"""Keras' serialized objects read into layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from paramcount.counting.graph import flatten
from paramcount.formats.detect import check
from paramcount.formats.keras import legacy, warnings
from paramcount.formats.keras.nodes import Nodes, feeding, is_shape, of_tensors, reordered
from paramcount.formats.keras.written import Written
from paramcount.model import cache as memory
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import ArchitectureError, InvalidDocument, InvalidGraph, Problems, TooLarge, did_you_mean
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Dimensions
from paramcount.schema.registry import FORMATS, LAYERS
from paramcount.schema.validator import MAX_PROBLEMS, shown

DEEPEST = 40
"""How many layers may be inside each other."""

_FUNCTIONAL = frozenset(("Functional", "Model"))
_ENDS = frozenset(("input_layers", "output_layers"))
_BASE = frozenset(("name", "trainable", "dtype", "autocast", "activity_regularizer", "dynamic"))
"""Arguments of every layer (keras.Layer), which are not its type's own."""
_KERAS = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.")
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


class _Serialized(NamedTuple):
    """A layer or a model as Keras writes it."""

    item: Mapping[str, Any]
    kind: str
    config: Mapping[str, Any]
    name: str
    pointer: str
    path: str


class _Leaf(NamedTuple):
    """What a layer that is no model comes to, wherever it stands."""

    type: str
    config: Mapping[str, Any] | None
    trainable: bool
    dtype: str


_LEAVES: memory.Cache[_Leaf] = memory.Cache(admit_on_second_use=True)


class Reading:
    """One document being read: what is wrong with it, and what must be said of it."""

    def __init__(self) -> None:
        self.problems: list[ArchitectureError] = []
        self.warnings: list[ReportWarning] = []

    def blame(self, problem: ArchitectureError) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise Problems(self.problems)

    def wrong(self, wanted: str, value: Any, pointer: str) -> None:
        self.blame(InvalidDocument(f"must be {wanted}, not {shown(value)}", pointer, "type"))

    def layer(self, item: Any, pointer: str, path: str = "", root: bool = False) -> Layer:
        """A layer or a model, and all that is in it; a stand-in where something is wrong with it."""
        if pointer.count("/config/") > DEEPEST:
            self.blame(TooLarge(f"is nested deeper than {DEEPEST} layers", pointer))
            return Layer("", "", pointer=pointer)
        key = _essence(item)
        if (leaf := _LEAVES.get(key)) is None:
            return self._new(item, key, pointer, path, root)
        name = item["name"] if "name" in item else item["config"]["name"]
        return _remembered(leaf, name, of_tensors(item), pointer, key)

    def _written(self, item: Written, pointer: str, path: str) -> tuple[Any, Layer]:
        """A layer that is not decoded yet, which its like need not be, and what came of decoding it. Raises Problems or
        ValueError."""
        key, calls = item.essence(), item.calls()
        leaf = _LEAVES.get(key)
        if leaf is not None and calls is not None:
            return item, _remembered(leaf, item.name, calls, pointer, key)
        whole = item.whole()
        check(whole, FORMATS["keras"])
        if leaf is not None:
            return whole, _remembered(leaf, item.name, (), pointer, key)
        return whole, self._new(whole, key, pointer, path, root=False)

    def _new(self, item: Any, key: bytes | None, pointer: str, path: str, root: bool) -> Layer:
        """A layer whose like was not read before."""
        if not isinstance(item, dict):
            self.wrong("an object", item, pointer)
            return Layer("", "", pointer=pointer)
        kind, config = item.get("class_name"), item.get("config", {})
        for member in ("class_name", "config"):
            if member not in item:
                self.blame(InvalidDocument("is required", f"{pointer}/{member}", "required"))
        if not isinstance(kind, str) or not 0 < len(kind) <= 200:
            self.wrong("the name of a class", kind, f"{pointer}/class_name")
            return Layer("", "", pointer=pointer)
        config = {"layers": config} if kind == "Sequential" and isinstance(config, list) else config  # Keras 1
        if config is not None and not isinstance(config, dict):
            self.wrong("an object", config, f"{pointer}/config")
            return Layer("", "", pointer=pointer)
        config = config or {}
        name = self._name(item, config, kind, pointer)
        path = "" if root else f"{path}.{name}" if path else name
        return self._read(_Serialized(item, kind, config, name, pointer, path), key, root)

    def _read(self, it: _Serialized, key: bytes | None, root: bool) -> Layer:
        trainable = it.config.get("trainable", True)
        if not isinstance(trainable, bool):
            self.wrong("true or false", trainable, f"{it.pointer}/config/trainable")
        if it.kind in _FUNCTIONAL or ("layers" in it.config and it.config.keys() >= _ENDS):
            if _is_custom(it.item):
                self.warnings.append(warnings.of_model_class(it.kind, it.path))
            # Each layer counts by its own flag, even one that was thawed inside a frozen model; but for the outermost.
            return self._functional(it, trainable is True or not root)
        if it.kind == "Sequential" and not _is_custom(it.item):
            return self._sequential(it)
        said = len(self.warnings), len(self.problems)
        leaf = self._leaf(it, trainable is True)
        known = LAYERS.get(f"keras.{it.kind}")
        if known is not None and not known.signature.parts and said == (len(self.warnings), len(self.problems)):
            _LEAVES.put(key, leaf)
        kind, config, trainable, dtype = leaf
        return Layer(it.name, kind, config, (), (), (), None, trainable, 1, "", dtype, it.pointer)

    def _leaf(self, it: _Serialized, trainable: bool) -> _Leaf:
        """A layer, an operation without weights, or a class that nobody here knows."""
        if _is_operation(it.item, it.kind):
            return _Leaf(it.kind, None, trainable, "")
        if it.kind in warnings.CODE or _holds_code(it.config):
            self.warnings.append(warnings.of_code(it.kind, it.path))
            if it.kind != "Lambda" and it.kind in warnings.CODE:
                return _Leaf(it.kind, None, trainable, "")
        kind, arguments = legacy.modernised(it.kind, it.config)
        if kind in warnings.COMPOSITES and not trainable:
            self.warnings.append(warnings.of_flag(kind, it.path))
            trainable = True
        policy = it.config.get("dtype")
        arguments = {name: value for name, value in arguments.items() if name not in _BASE}
        arguments |= self._quantization(kind, policy, it.path)
        return _Leaf(_qualified(it.item, kind), arguments, trainable, _variable_dtype(policy))

    def _name(self, item: Mapping[str, Any], config: Mapping[str, Any], kind: str, pointer: str) -> str:
        name, at = (item["name"], "/name") if "name" in item else (config.get("name"), "/config/name")
        if name is None:
            return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.rpartition(">")[2]).lower()
        if not isinstance(name, str):
            self.wrong("a string", name, pointer + at)
            return ""
        return name

    def _children(self, it: _Serialized) -> Iterator[tuple[Any, Layer]]:
        """The layers of a model as they are written and as they are read."""
        items = it.config.get("layers")
        if not isinstance(items, list) or not items:
            self.wrong("a list of at least one layer", items, f"{it.pointer}/config/layers")
            return
        for index, item in enumerate(items):
            pointer = f"{it.pointer}/config/layers/{index}"
            if type(item) is Written:
                yield self._written(item, pointer, it.path)
            else:
                yield item, self.layer(item, pointer, it.path)

    def _sequential(self, it: _Serialized) -> Layer:
        """Layers one after the other; a stated input shape is no layer of its own, as Keras does not show it."""
        read = list(self._children(it))
        stated = _built_shape(it.config.get("build_input_shape")) or _built_shape(_build_config(it.item))
        if read and _class(read[0][0]) == "InputLayer":
            stated = self._input_shape(read.pop(0)[1])
            if not read:
                self.blame(InvalidDocument("has an input but no layers", f"{it.pointer}/config/layers"))
        elif read and isinstance(read[0][0], dict):
            stated = _first_shape(read[0][0].get("config")) or stated
        children, entry = [], Ref("input")
        taken = {child.name for _, child in read}
        while entry.layer in taken:
            entry = Ref(f"{entry.layer}_")
        first = entry
        for _, child in read:
            children.append(child._replace(calls=(Call((entry,)),)))
            entry = Ref(child.name)
        graph = Graph((first.layer,), entry, (stated,))
        return Layer(it.name, it.kind, children=tuple(children), graph=graph, pointer=it.pointer)

    def _input_shape(self, layer: Layer) -> Dimensions | None:
        """What an InputLayer says reaches the model."""
        config = layer.config or {}
        shape: Any = config.get("batch_shape")
        at = "batch_shape"
        if shape is None and config.get("shape") is not None:
            shape, at = [None, *config["shape"]] if isinstance(config["shape"], list) else config["shape"], "shape"
        if not is_shape(shape):
            self.wrong("a list of dimensions, null where one is open", shape, f"{layer.pointer}/config/{at}")
            return None
        return tuple(shape)

    def _functional(self, it: _Serialized, trainable: bool) -> Layer:
        """Layers wired by name."""
        at = f"{it.pointer}/config"
        read = list(self._children(it))
        models = {child.name: child for _, child in read if child.graph is not None}
        old = any(isinstance(node, list) for item, child in read if not child.calls for node in _inbound(item))
        functional = frozenset(name for name, child in models.items() if old or child.type != "Sequential")
        nodes = Nodes(self.blame, frozenset(models), functional)
        children = [child if child.calls else self._called(child, item, nodes, old) for item, child in read]
        ends: dict[str, list[Ref]] = {}
        for member in ("input_layers", "output_layers"):
            if member not in it.config:
                self.blame(InvalidDocument("is required", f"{at}/{member}", "required"))
                continue
            ends[member] = [ref for ref in flatten(nodes.refs(it.config[member], f"{at}/{member}")) if ref is not None]
            if not ends[member]:
                self.blame(InvalidDocument("must name at least one layer", f"{at}/{member}"))
        inputs, outputs = ends.get("input_layers", []), ends.get("output_layers", [])
        for ref in inputs:
            if ref.call or ref.output:
                detail = f"{shown(ref.layer)} is called once and has one output"
                self.blame(InvalidGraph(detail, f"{at}/input_layers", "missing_input"))
        graph = Graph(tuple(ref.layer for ref in inputs), outputs[0] if len(outputs) == 1 else outputs)
        used = self._in_use(children, graph, at, it.path)
        return Layer(it.name, it.kind, children=used, graph=graph, trainable=trainable, pointer=it.pointer)

    def _called(self, child: Layer, item: Any, nodes: Nodes, old: bool) -> Layer:
        """A layer of a Functional model, wired in; `old` says that Keras 2 wrote it."""
        here, built = f"{child.pointer}/inbound_nodes", _build_config(item) if old else None
        calls = item.get("inbound_nodes") if isinstance(item, dict) else None
        if calls is not None and not isinstance(calls, list):
            self.wrong("a list", calls, here)
            return child
        found = [nodes.call(node, f"{here}/{index}", built) for index, node in enumerate(calls or ()) if node]
        if old and child.type in legacy.RECURRENT:
            found = [legacy.with_states(call) for call in found]
        if child.graph is not None:
            found = [reordered(call, child.graph.inputs) for call in found]
        return child.with_calls(found)

    def _in_use(self, children: list[Layer], graph: Graph, at: str, path: str) -> tuple[Layer, ...]:
        """The layers between inputs and outputs: others that the document holds are no part of the model."""
        if self.problems:  # what is wrong with a layer hides what it feeds
            return tuple(children)
        names = {child.name for child in children}
        for name in graph.inputs:
            if name not in names:
                detail = f"no layer here is called {shown(name)}{did_you_mean(name, names)}"
                self.blame(InvalidGraph(detail, f"{at}/input_layers", "missing_input"))
        used = feeding(children, graph)
        for child in children:
            if child.name not in used:
                self.warnings.append(warnings.of_unused(f"{path}.{child.name}" if path else child.name))
            elif child.type == "InputLayer" and child.name not in graph.inputs:
                self.blame(InvalidGraph("is an input that input_layers does not name", child.pointer, "missing_input"))
        return tuple([child for child in children if child.name in used])

    def _quantization(self, kind: str, policy: Any, path: str) -> dict[str, str]:
        """The argument that a quantized dtype policy is to a formula: its mode ("int8", "int4/128")."""
        if isinstance(policy, dict) and policy.get("class_name") == "DTypePolicyMap":
            self.warnings.append(warnings.of_policy_map(path))
            return {}
        found = LAYERS.get(f"keras.{kind}")
        if found is None or "quantization_mode" not in found.signature.arguments:
            return {}
        config = policy.get("config") if isinstance(policy, dict) else None
        mode = config.get("mode") if isinstance(config, dict) else None
        if isinstance(policy, str) and "_from_" in policy:
            mode = policy.partition("_from_")[0]
        if not isinstance(mode, str):
            return {}
        history = config.get("amax_history_length") if isinstance(config, dict) else None
        return {"quantization_mode": f"{mode}/{history}" if mode == "float8" and history is not None else mode}

    def stated_input(self, document: Any, root: Layer) -> tuple[Dimensions, ...]:
        """The shape that a layer alone was built for; a model states its own."""
        shape = None if root.graph is not None else _built_shape(_build_config(document))
        return () if shape is None else (shape,)


def _remembered(leaf: _Leaf, name: str, calls: tuple[Call, ...], pointer: str, key: bytes | None) -> Layer:
    """A layer whose like was read before."""
    kind, config, trainable, dtype = leaf
    return Layer(name, kind, config, (), (), calls, None, trainable, 1, "", dtype, pointer, key or b"")


def _essence(item: Any) -> bytes | None:
    """What a layer that is no model comes to follows from this, whatever it is called and wired to; None where that
    cannot be told so easily."""
    try:
        config = item["config"]
        name = item["name"] if "name" in item else config["name"]
        if type(name) is not str or "layers" in config:
            return None
        origin = "module" in item, item.get("module"), item.get("registered_name")
        return _encode((item["class_name"], origin, {**config, "name": ""}))
    except (AttributeError, KeyError, TypeError):
        return None


def _is_custom(item: Mapping[str, Any]) -> bool:
    """Whether a class is not Keras' own. Keras 2 names no module, and a registered class by `package>class`."""
    if "module" not in item:
        return ">" in str(item.get("class_name"))
    module = item["module"]
    return not isinstance(module, str) or not f"{module}.".startswith(_KERAS)


def _qualified(item: Mapping[str, Any], kind: str) -> str:
    """The type of a layer: a class of one's own is never taken for a namesake of Keras."""
    bare = kind.rpartition(">")[2]
    if not _is_custom(item) or f"keras.{bare}" not in LAYERS:
        return bare
    package = item.get("module") or str(item.get("registered_name") or kind).rpartition(">")[0] or "custom"
    return f"{package}.{bare}"


def _is_operation(item: Mapping[str, Any], kind: str) -> bool:
    """A function of keras.ops or of TensorFlow in the graph, which owns nothing; its output's shape is stated after."""
    return str(item.get("module")).startswith("keras.src.ops.") or kind in _OPERATIONS


def _holds_code(config: Mapping[str, Any]) -> bool:
    """Whether an argument is a Python function written as bytes."""
    return any(isinstance(value, dict) and value.get("class_name") == "__lambda__" for value in config.values())


def _inbound(item: Any) -> list[Any]:
    """The nodes of a layer, where that is a list."""
    found = item.get("inbound_nodes") if isinstance(item, dict) else None
    return found if isinstance(found, list) else []


def _class(item: Any) -> Any:
    return item.get("class_name") if isinstance(item, dict) else None


def _build_config(item: Any) -> Any:
    built = item.get("build_config") if isinstance(item, dict) else None
    return built.get("input_shape") if isinstance(built, dict) else None


def _built_shape(shape: Any) -> Dimensions | None:
    return tuple(shape) if is_shape(shape) and shape else None


def _first_shape(config: Any) -> Dimensions | None:
    """The input shape that the first layer of a Sequential states for itself, as Keras 2 wrote it."""
    if not isinstance(config, dict):
        return None
    if is_shape(config.get("batch_input_shape")):
        return tuple(config["batch_input_shape"])
    if is_shape(config.get("input_shape")):
        return (None, *config["input_shape"])
    width = config.get("input_dim")
    return (None, width) if width is not None and is_shape([width]) and "output_dim" not in config else None


def _variable_dtype(policy: Any) -> str:
    """The dtype of a layer's variables, of a name or of a serialized policy; mixed policies hold float32."""
    if isinstance(policy, dict):
        config = policy.get("config")
        policy = (config.get("name") or config.get("source_name")) if isinstance(config, dict) else None
    if not isinstance(policy, str):
        return ""
    return DTYPE_NAMES.get(policy.rpartition("_from_")[2], "")


def _encode(content: Any) -> bytes | None:
    try:
        found = orjson.dumps(content)
    except TypeError:
        return None
    return found if len(found) <= memory.MAX_KEY_BYTES else None
