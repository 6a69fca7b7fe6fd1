"""Read Keras' serialized objects into layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import Raw

from paramcount.counting.graph import flatten
from paramcount.formats.keras import legacy, warnings
from paramcount.formats.keras.leaf import LEAVES, OPERATIONS, KerasClass, is_cacheable, may_return_unknown, read_leaf
from paramcount.formats.keras.nodes import Nodes, is_shape, layers_in_use, lost_inputs, reorder
from paramcount.formats.keras.raw import (
    ABSENT,
    ListModel,
    RawDocument,
    RawLayer,
    RawModel,
    count_leaf_names,
    count_model_names,
    is_list,
    parse_layer,
    parse_layers,
    parse_model,
)
from paramcount.formats.keras.sequential import find_free_name, join_branches
from paramcount.formats.keras.stated_shapes import find_built_shape, find_stated_shape, to_shape
from paramcount.formats.keras.writer import Writer
from paramcount.formats.source import decode
from paramcount.model.budget import PathBudget
from paramcount.model.errors import (
    MAX_PROBLEMS,
    ArchitectureError,
    InvalidDocument,
    InvalidGraph,
    TooLarge,
    raise_problems,
)
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Dimensions
from paramcount.schema.validator import format_value

MAX_DEPTH = 40
"""The most layers inside each other."""

_FUNCTIONAL = frozenset(("Functional", "Model"))


class _Child(NamedTuple):
    """A layer of a model: its JSON, the layer made of it, and its calls."""

    item: RawLayer | None  # None: it is no object
    layer: Layer
    calls: tuple[Call, ...] | None = ()  # None: they are in `nodes`
    nodes: tuple[Any, ...] = ()


class KerasReader:
    """Reads one document; collects its problems and warnings."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._cache_prefix = writer.cache_prefix
        self.problems: list[ArchitectureError] = []
        self.warnings: list[ReportWarning] = []
        self._paths = PathBudget()
        self.names = 0  # in the objects that are read; a document that has more of them has some twice, or unread ones

    def add_problem(self, problem: ArchitectureError) -> None:
        """Add a problem. Raises Problems at MAX_PROBLEMS."""
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise_problems(self.problems)

    def _add_type_problem(self, expected: str, value: Any, pointer: str) -> None:
        self.add_problem(InvalidDocument(f"must be {expected}, not {format_value(value)}", pointer, "type"))

    def read_document(self, document: RawDocument) -> Layer:
        """Return the layer or model of a whole document; a stand-in after a problem."""
        self._calls(document.item, document.pointer)
        self.names += document.names_beside
        if document.model is not None:
            return self._new_layer(document.item, document.pointer, "", document.model, is_root=True)
        return self._layer(document.item, document.pointer, "", is_root=True)

    def read_nested(self, raw: bytes, pointer: str) -> Layer:
        """Return the layer or model in JSON that is at `pointer`; a stand-in after a problem."""
        if (item := parse_layer(raw)) is None:
            self._add_type_problem("an object", decode(raw), pointer)
            return Layer("", "", pointer=pointer)
        layer, stated = self._layer(item, pointer, "", is_root=True), to_shape(find_built_shape(item))
        return (
            layer if layer.graph is not None or stated is None else layer.with_calls([Call((Ref("", stated=stated),))])
        )

    def _layer(
        self, item: RawLayer, pointer: str, path: str, calls: tuple[Call, ...] = (), *, is_root: bool = False
    ) -> Layer:
        """Return a layer, with `calls`, or a model, whose calls its parent wires; a stand-in after a problem."""
        if (leaf := LEAVES.get(item.cache_key(self._cache_prefix))) is not None:
            name, mark = item.name, item.shared_object_id
            is_named = name is not ABSENT
            name = name if is_named else leaf.name
            if isinstance(name, str):
                self.names += leaf.names + is_named + (mark is not ABSENT)
                return leaf.layer(name, pointer, calls, b"" if mark is ABSENT else bytes(mark))
        layer = self._new_layer(item, pointer, path, None, is_root=is_root)
        return layer.with_calls(calls) if calls and layer.graph is None else layer

    def _new_layer(self, item: RawLayer, pointer: str, path: str, nested: RawModel | None, *, is_root: bool) -> Layer:
        """Return a layer that is not in the cache; `nested` is its config as a model's, where that is decoded."""
        problem_count = len(self.problems)
        if pointer.count("/config/") > MAX_DEPTH:
            return self._refuse_depth(pointer)
        for member in ("class_name", "config"):
            if member not in item:
                self.add_problem(InvalidDocument("is required", f"{pointer}/{member}", "required"))
        class_name = item.get("class_name")
        if not isinstance(class_name, str) or not 0 < len(class_name) <= 200:
            self._add_type_problem("the name of a class", class_name, f"{pointer}/class_name")
            return Layer("", "", pointer=pointer)
        keras_class = KerasClass.of(item, class_name)
        nested = nested or self._nested_config(item, keras_class)
        if nested is not None and self._is_model(keras_class, nested):
            return self._model(item, nested, keras_class, pointer, path, is_root=is_root)
        if nested is not None and not keras_class.is_custom and keras_class.name != "Merge":  # read with its Sequential
            self._check_nested(nested, pointer, path)
        config = item.get("config", {})
        if not isinstance(config, dict):
            self._add_type_problem("an object", config, f"{pointer}/config")
            return Layer("", "", pointer=pointer)
        name = self._name(item, config.get("name", keras_class.default_layer_name), pointer)
        self._flag(config.get("trainable", True), pointer)
        path = self._path(path, name, is_root=is_root)
        leaf, leaf_warnings = read_leaf(keras_class, config, path, self._writer)
        self.warnings += leaf_warnings
        leaf = leaf._replace(names=count_leaf_names(item, config))
        self.names += leaf.names + (item.name is not ABSENT) + (item.shared_object_id is not ABSENT)
        if not leaf_warnings and problem_count == len(self.problems) and is_cacheable(leaf):
            LEAVES.put(item.cache_key(self._cache_prefix), leaf)
        return leaf.layer(name, pointer, (), bytes(item.shared_object_id))

    def _path(self, parent: str, name: str, *, is_root: bool) -> str:
        """Return the path of a layer below `parent`. Raises TooLarge."""
        path = "" if is_root else f"{parent}.{name}" if parent else name
        self._paths.charge(path)
        return path

    def _name(self, item: RawLayer, config_name: Any, pointer: str) -> str:
        """Return a layer's name: its member `name`, or `config_name`."""
        name = item.get("name", config_name)
        if not isinstance(config_name, str):
            self._add_type_problem("a string", config_name, f"{pointer}/config/name")
        elif not isinstance(name, str):
            self._add_type_problem("a string", name, f"{pointer}/name")
        return name if isinstance(name, str) else ""

    def _flag(self, trainable: Any, pointer: str) -> bool:
        """Return the flag `trainable` of a layer's config."""
        if not isinstance(trainable, bool):
            self._add_type_problem("true or false", trainable, f"{pointer}/config/trainable")
        return trainable is True

    def _refuse_depth(self, pointer: str) -> Layer:
        """Add the problem of a layer that is too deep; return a stand-in for it."""
        self.add_problem(TooLarge(f"is nested deeper than {MAX_DEPTH} layers", pointer))
        return Layer("", "", pointer=pointer)

    def _nested_config(self, item: RawLayer, keras_class: KerasClass) -> RawModel | None:
        """Return a layer's config decoded as a model's; None if it is no object."""
        if item.config is ABSENT:
            return RawModel()
        if keras_class.name == "Sequential" and is_list(item.config):
            return ListModel(layers=item.config)
        return parse_model(item.config)

    def _is_model(self, keras_class: KerasClass, config: RawModel) -> bool:
        """Return whether an item is a model; a layer with layers in its config is none."""
        if keras_class.name == "Sequential":
            return not keras_class.is_custom or config.is_functional
        return keras_class.name in _FUNCTIONAL or config.is_functional

    def _check_nested(self, config: RawModel, pointer: str, path: str) -> None:
        """Add the problems of the layers in the config of a layer that is no model."""
        if config.layers or isinstance(config.layers, Raw):
            warning_count, names = len(self.warnings), self.names
            for _ in self._children(config, pointer, path):
                pass
            del self.warnings[warning_count:]  # the wrapper's formula has its own
            self.names = names  # they are counted with the config

    def _model(
        self, item: RawLayer, config: RawModel, keras_class: KerasClass, pointer: str, path: str, *, is_root: bool
    ) -> Layer:
        """Return a Functional or Sequential model."""
        name = self._name(item, config.get("name", keras_class.default_layer_name), pointer)
        path = self._path(path, name, is_root=is_root)
        self.names += count_model_names(item, config)
        trainable = self._flag(config.get("trainable", True), pointer)
        model = Layer(name, keras_class.name, pointer=pointer, object_id=bytes(item.shared_object_id))
        if keras_class.name not in _FUNCTIONAL and not config.is_functional:
            return self._sequential(model, item, config, path)
        if keras_class.is_custom:
            self.warnings.append(warnings.warn_of_custom_model(keras_class.name, path))
        # Each layer counts by its own flag, even one that was thawed inside a frozen model; but Keras 3 reads the flag
        # of the outermost.
        is_thawed = trainable or not is_root or self._writer.generation in (1, 2)
        return self._functional(model._replace(trainable=is_thawed), config, path)

    def _children(self, config: RawModel, pointer: str, path: str) -> Iterator[_Child]:
        """Yield the layers of a model."""
        items = parse_layers(config)
        if not items:
            written = config.get("layers") if isinstance(config.layers, Raw) else config.layers
            self._add_type_problem("a list of at least one layer", written, pointer + config.layers_pointer)
        is_too_deep = pointer.count("/config/") >= MAX_DEPTH
        layers_pointer = pointer + config.layers_pointer
        for index, item in enumerate(items):
            layer_pointer = f"{layers_pointer}/{index}"
            if is_too_deep:
                yield _Child(None, self._refuse_depth(layer_pointer))
            elif isinstance(item, RawLayer):
                calls, nodes = self._calls(item, layer_pointer)
                yield _Child(item, self._layer(item, layer_pointer, path, calls or ()), calls, nodes)
            else:
                self._add_type_problem("an object", decode(item), layer_pointer)
                yield _Child(None, Layer("", "", pointer=layer_pointer))

    def _sequential(self, model: Layer, item: RawLayer, config: RawModel, path: str) -> Layer:
        """Return a Sequential model; an InputLayer becomes its input shape, since `summary()` does not list it."""
        children = _separate_names(self._children(config, model.pointer, path))
        stated = to_shape(config.get("build_input_shape")) or to_shape(find_built_shape(item))
        first = children[0].item if children else None
        if first is not None and first.get("class_name") == "Merge":
            return self._merging_sequential(model, children, first, path)
        if first is not None and first.get("class_name") == "InputLayer":
            stated = self._input_shape(children.pop(0).layer)
            if not children:
                pointer = model.pointer + config.layers_pointer
                self.add_problem(InvalidDocument("has an input but no layers", pointer))
        elif first is not None:
            stated = find_stated_shape(first.get("config")) or stated or to_shape(find_built_shape(first))
        entry = Ref(find_free_name("input", {child.layer.name for child in children}))
        layers, feed, is_open = [], entry, False
        for child in children:
            if is_open and child.item is not None:
                feed = feed._replace(stated=to_shape(find_built_shape(child.item)))
            layers.append(child.layer.with_calls((Call((feed,)),)))
            feed = Ref(child.layer.name)
            is_open = is_open or may_return_unknown(child.layer)
        return model._replace(children=tuple(layers), graph=Graph((entry.layer,), feed, (stated,)))

    def _merging_sequential(self, model: Layer, children: list[_Child], first: RawLayer, path: str) -> Layer:
        """Return a Sequential model of Keras 1 whose first layer merges models, each with its own inputs."""
        merge, *others = [child.layer for child in children]
        config = self._nested_config(first, KerasClass.of(first, "Merge")) or RawModel()
        branches = _separate_names(self._children(config, merge.pointer, path))
        inputs = [(branch.layer, _find_input_shapes(branch)) for branch in branches]
        return join_branches(model, inputs, merge, others)

    def _input_shape(self, layer: Layer) -> Dimensions | None:
        """Return the shape that an InputLayer states, batch axis included."""
        config = layer.config or {}
        shape: Any = config.get("batch_shape")
        member = "batch_shape"
        if shape is None and config.get("shape") is not None:
            shape, member = config["shape"], "shape"
            shape = [None, *shape] if isinstance(shape, list) else shape
        if not is_shape(shape):
            expected = "a list of dimensions, null where one is open"
            self._add_type_problem(expected, shape, f"{layer.pointer}/config/{member}")
            return None
        return tuple(shape)

    def _functional(self, model: Layer, config: RawModel, path: str) -> Layer:
        """Return a Functional model, its layers wired by name."""
        pointer = f"{model.pointer}/config"
        children = list(self._children(config, model.pointer, path))
        models = {child.layer.name: child.layer for child in children if child.layer.graph is not None}
        is_keras_2 = any(isinstance(node, list) for child in children for node in child.nodes)
        functional = frozenset(name for name, layer in models.items() if is_keras_2 or layer.type != "Sequential")
        nodes = Nodes(self.add_problem, frozenset(models), functional)
        layers = [self._wire(child, nodes, is_keras_2) for child in children]
        ends: dict[str, list[Ref]] = {}
        for member in ("input_layers", "output_layers"):
            if getattr(config, member) is ABSENT:
                self.add_problem(InvalidDocument("is required", f"{pointer}/{member}", "required"))
                continue
            refs = flatten(nodes.refs(config.get(member), f"{pointer}/{member}"))
            ends[member] = [ref for ref in refs if ref is not None]
            if not ends[member]:
                self.add_problem(InvalidDocument("must name at least one layer", f"{pointer}/{member}"))
        inputs, outputs = ends.get("input_layers", []), ends.get("output_layers", [])
        for ref in inputs:
            if ref.call or ref.output:
                detail = f"{format_value(ref.layer)} is called once and has one output"
                self.add_problem(InvalidGraph(detail, f"{pointer}/input_layers", "missing_input"))
        graph = Graph(tuple(ref.layer for ref in inputs), outputs[0] if len(outputs) == 1 else outputs)
        return model._replace(children=self._in_use(layers, graph, pointer, path), graph=graph)

    def _calls(self, item: RawLayer, pointer: str) -> tuple[tuple[Call, ...] | None, tuple[Any, ...]]:
        """Return a layer's simple calls, else None and its `inbound_nodes`."""
        if (simple := item.simple_calls()) is not None:
            self.names += simple.names
            return simple.calls, ()
        return None, self._nodes(item, pointer)

    def _nodes(self, item: RawLayer, pointer: str) -> tuple[Any, ...]:
        """Return a layer's `inbound_nodes`: objects as Keras 3 writes them, lists as Keras 2 did."""
        nodes = item.get("inbound_nodes", [])
        self.names += 1 + item.count_names("inbound_nodes")
        if not isinstance(nodes, list):
            self._add_type_problem("a list", nodes, f"{pointer}/inbound_nodes")
            return ()
        for index, node in enumerate(nodes):
            if not isinstance(node, dict | list):
                self._add_type_problem("an object or a list", node, f"{pointer}/inbound_nodes/{index}")
        return tuple([node if isinstance(node, dict | list) else None for node in nodes])

    def _wire(self, child: _Child, nodes: Nodes, is_keras_2: bool) -> Layer:
        """Return a layer of a Functional model with its calls."""
        layer, calls = child.layer, child.calls
        if calls is not None and layer.graph is None:
            return layer
        if layer.type in OPERATIONS and len(child.nodes) == 1 and isinstance(child.nodes[0], list):
            return self._operation(child, nodes)
        if calls is None and child.item is not None:
            pointer = f"{layer.pointer}/inbound_nodes"
            built_for = find_built_shape(child.item) if is_keras_2 else None
            written = [(f"{pointer}/{index}", node) for index, node in enumerate(child.nodes) if node]
            calls = tuple([nodes.call(node, node_pointer, built_for) for node_pointer, node in written])
        if is_keras_2 and layer.type in legacy.RECURRENT:
            calls = tuple(map(legacy.split_states, calls or ()))
        if layer.graph is not None:
            calls = tuple([reorder(call, layer.graph.inputs) for call in calls or ()])
        return layer.with_calls(calls or ())

    def _operation(self, child: _Child, nodes: Nodes) -> Layer:
        """Return a function of TensorFlow in a model of Keras 2, with its arguments and its call."""
        config = child.item.get("config") if child.item is not None else None
        node, pointer = child.nodes[0], f"{child.layer.pointer}/inbound_nodes/0"
        if child.layer.type == "TensorFlowOpLayer":
            call, arguments = nodes.call(node, pointer), dict[str, Any]()
        else:
            call, written = nodes.operation(node, pointer)
            arguments = {"arguments": written}
        for name in ("function", "node_def", "constants"):
            if isinstance(config, dict) and name in config:
                arguments[name] = config[name]
        return child.layer._replace(config=arguments, calls=(call,))

    def _in_use(self, layers: list[Layer], graph: Graph, pointer: str, path: str) -> tuple[Layer, ...]:
        """Return the layers between inputs and outputs; Keras drops the others when it rebuilds the model."""
        if self.problems:  # a layer with a problem may lack its calls
            return tuple(layers)
        names = {layer.name for layer in layers}
        for name in graph.inputs:
            if name not in names:
                detail = f"no layer here is called {format_value(name)}"
                self.add_problem(InvalidGraph(detail, f"{pointer}/input_layers", "missing_input"))
        in_use = layers_in_use(layers, graph)
        if not self._writer.is_keras_3 and any(map(lost_inputs, layers)):  # what feeds it feeds nothing that is written
            in_use = names
        for layer in layers:
            if layer.name not in in_use:
                self.warnings.append(warnings.warn_of_unused_layer(f"{path}.{layer.name}" if path else layer.name))
            elif layer.type == "InputLayer" and layer.name not in graph.inputs:
                detail = "is an input that input_layers does not name"
                self.add_problem(InvalidGraph(detail, layer.pointer, "missing_input"))
        return tuple([layer for layer in layers if layer.name in in_use])


def _separate_names(children: Iterable[_Child]) -> list[_Child]:
    """Return the layers with names for those that have none: Keras before 2.2.3 wrote a Sequential without a name."""
    separated: list[_Child] = []
    counts: dict[str, int] = {}
    for child in children:
        if child.item is None or child.item.name is not ABSENT or not is_list(child.item.config):
            separated.append(child)
            continue
        name = child.layer.name
        counts[name] = counts.get(name, 0) + 1
        separated.append(child._replace(layer=child.layer._replace(name=f"{name}_{counts[name]}")))
    return separated


def _find_input_shapes(child: _Child) -> list[Dimensions | None]:
    """Return the shapes that a model in a Merge states for its inputs."""
    graph = child.layer.graph
    if graph is None:
        return [find_stated_shape(child.item.get("config")) if child.item else None]
    return list(graph.stated) or [None] * len(graph.inputs)


def find_input_shape(document: RawDocument, root: Layer) -> tuple[Dimensions, ...]:
    """Return the shape that a single layer was built for; none for a model, which states its own."""
    shape = None if root.graph is not None else to_shape(find_built_shape(document.item))
    return () if shape is None else (shape,)
