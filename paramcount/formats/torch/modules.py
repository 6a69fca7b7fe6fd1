"""Layers of printed modules, with warnings about tensors that the text does not show."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from inspect import signature
from typing import Any, cast

from paramcount.counting.formulas import run_formula
from paramcount.formats.torch import forms, known
from paramcount.formats.torch.arguments import Arguments, parse_arguments
from paramcount.formats.torch.classes import find_alias
from paramcount.formats.torch.identity import OTHER, identify
from paramcount.formats.torch.parameters import read_parameters
from paramcount.formats.torch.parametrized import parametrize
from paramcount.formats.torch.text import Module
from paramcount.formats.torch.weightless import may_print
from paramcount.model import block_ranges
from paramcount.model.budget import MIN_TENSORS, TENSORS_PER_BYTE, Limits, PathBudget, scale_to_request
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import LAYERS, LayerType

_CONTAINERS = known.ASSEMBLED | known.WRAPPERS.keys() | known.ADAPTERS | forms.QUANTIZED_ADAPTERS | known.COMPOSITES
_NUMBERED = frozenset(("Sequential", "ModuleList"))
_MAX_NAMED_CLASSES = 20
"""The most classes that one warning names."""
_MAX_ARGUMENTS_CHARS = 10_000
"""The most tensors that the reader makes of formulas: as many as are counted by default."""


class TorchReader:
    """Makes layers of modules, and notes the classes that may own tensors which are not printed."""

    def __init__(self, root: Module) -> None:
        self._notes: dict[str, dict[str, str]] = {}  # code -> class -> path of its first module
        modules = _list_modules(root)
        self._ownerships = identify(root)
        self._configs: dict[tuple[str, str], dict[str, Any] | None] = {}  # by class and text
        self._lacks_biases = any(map(forms.is_without_bias, modules))
        self.problems: list[ArchitectureError] = []
        self._tensor_count = 0
        self._max_tensors = scale_to_request(Limits.max_tensors, MIN_TENSORS, TENSORS_PER_BYTE)
        self._paths = PathBudget()
        self._deadline = Limits().deadline

    def layer(self, module: Module, path: str = "", parent: str = "") -> Layer:
        """Return a module as a layer, with those inside it."""
        self._paths.charge(path)
        layer = Layer(module.name, module.type, repeat=_count_copies(module), pointer=f"line {module.line}")
        if module.type in _NUMBERED and forms.has_gaps(module):
            self._note("missing_modules", module.type, path)
        if module.type.startswith("Parametrized") and (kind := find_formula(module.type.removeprefix("Parametrized"))):
            return self._parametrized_layer(layer, module, path, kind)
        if module.type in ("ParameterList", "ParameterDict"):
            layer = layer._replace(tensors=tuple(read_parameters(module)))
            if not (module.closed or module.text or module.children):  # torch 0.3.1 and before printed none
                self._note("hidden_parameters", module.type, path)
            module.children = [child for child in module.children if child.type]
        children = tuple(
            self.layer(child, f"{path}.{child.name}" if path else child.name, module.type)
            for child in module.children
            if child.text != ["None"] or child.type
        )
        if self._ownerships.get(id(module)) == OTHER:
            self._note("hidden_parameters", module.type, path)
        return self._add_tensors(layer._replace(children=children), module, path, parent)

    def _add_tensors(self, layer: Layer, module: Module, path: str, parent: str) -> Layer:
        """Return the layer with its own tensors, or with the config that its formula makes them of."""
        name = module.type
        _check_print(module)
        if name in known.WEIGHTED:
            self._note("hidden_buffers", name, path)
        if name in _CONTAINERS or (name in known.WEIGHTED and layer.children):
            return layer
        if name == "MultiheadAttention" and (tensors := _attention_tensors(module)):
            if parent not in known.TRANSFORMER_LAYERS:
                self._note("hidden_arguments", "MultiheadAttention's kdim, vdim and add_bias_kv", path)
            return layer._replace(tensors=tensors)
        if module.prints_child:
            self._note("hidden_parameters", name, path)
        if name in forms.LINEAR_SIZES and (tensors := self._foreign_linear(module, path)):
            return layer._replace(tensors=tensors)
        if (kind := find_formula(name)) and (config := self._name_arguments(kind, module)) is not None:
            return self._formula_layer(layer, module, path, kind, config)
        self._note_hidden(module, path)
        return layer

    def _name_arguments(self, kind: LayerType, module: Module) -> dict[str, Any] | None:
        """Return the printed arguments by name; those of equal modules are parsed once."""
        key = (module.type, ", ".join(module.text))
        if key not in self._configs:
            self._configs[key] = name_arguments(kind, module)
        return self._configs[key]

    def _formula_layer(self, layer: Layer, module: Module, path: str, kind: LayerType, config: dict[str, Any]) -> Layer:
        """Return the layer of a module whose arguments are all that its formula needs."""
        if unprinted := forms.list_unprinted(module.type, config, self._lacks_biases):
            self._note("hidden_arguments", f"{module.type}'s {' and '.join(unprinted)}", path)
        if forms.tracks_without_counter(module.type, config):
            tensors = self.evaluate_formula(kind, config | {"track_running_stats": True}, module)
            return layer._replace(tensors=tuple(t for t in tensors if t.name != "num_batches_tracked"))
        if not layer.children and kind.name == f"torch.{module.type}":
            return layer._replace(config=config)
        return layer._replace(tensors=self.evaluate_formula(kind, config, module))

    def _foreign_linear(self, module: Module, path: str) -> tuple[Tensor, ...]:
        """Return the tensors of a linear layer of another library that prints its sizes."""
        config = forms.linear_config(module.type, parse_arguments(", ".join(module.text)).named)
        if config is None:
            return ()
        if module.type != "Conv1D":
            self._note("quantized", module.type, path)
        tensors = self.evaluate_formula(LAYERS["torch.Linear"], config, module)
        return tuple(forms.linear_tensor(module.type, tensor) for tensor in tensors)

    def _note_hidden(self, module: Module, path: str) -> None:
        """Note the tensors that a class may own and does not print."""
        name = module.type or module.text[0].split()[0][:60]
        if name in known.LAZY:
            self._note("lazy", name, path)
        elif name in known.PACKED:
            self._note("packed", name, path)
        elif (ownership := self._ownerships.get(id(module), OTHER)) != "nothing":
            self._note("hidden_parameters" if ownership == OTHER else f"hidden_{ownership}", name, path)

    def evaluate_formula(self, kind: LayerType, config: dict[str, Any], module: Module) -> tuple[Tensor, ...]:
        """Return the tensors that a formula yields, without those of the module's printed children."""
        children = {child.name for child in module.children}
        known_config = {name: config[name] for name in config if name in kind.signature.arguments}
        try:
            if problems := kind.signature.problems(known_config, ""):
                raise problems[0]
            tensors, _ = run_formula(kind, known_config, self._deadline)
        except ArchitectureError as error:
            argument = error.pointer.removeprefix("/")
            self.problems.append(InvalidDocument(f"line {module.line}: {argument} {error.detail}", code=error.code))
            return ()
        self._tensor_count += len(tensors)
        if self._tensor_count > self._max_tensors:
            raise TooLarge(f"line {module.line}: is where a text holds more than {self._max_tensors:,} tensors")
        return tuple(tensor for tensor in tensors if tensor.name.partition(".")[0] not in children)

    def _parametrized_layer(self, layer: Layer, module: Module, path: str, kind: LayerType) -> Layer:
        """Return a module whose class torch.nn.utils.parametrize made, as a layer."""
        config = name_arguments(kind, module) or {}
        result = parametrize(layer, module, {t.name: t for t in self.evaluate_formula(kind, config, module)})
        for holder in module.children:
            for item in holder.children:
                for parametrization in item.children:
                    name = parametrization.type
                    if name in ("_WeightNorm", "_SpectralNorm"):
                        self._note("hidden_arguments", f"{name}'s dim", path)
                    elif name == "_Orthogonal":
                        self._note("hidden_buffers", name, path)
                    else:
                        self._add_tensors(Layer(parametrization.name, name), parametrization, path, "")
        return result

    def _note(self, code: str, name: str, path: str) -> None:
        self._notes.setdefault(code, {}).setdefault(name, path)

    def warnings(self) -> Iterable[ReportWarning]:
        """Yield one warning a code, of all classes that it was noted for."""
        for code, classes in self._notes.items():
            named = ", ".join(list(classes)[:_MAX_NAMED_CLASSES])
            if len(classes) > _MAX_NAMED_CLASSES:
                named += f" and {len(classes) - _MAX_NAMED_CLASSES} more"
            yield ReportWarning(
                code,
                next(iter(classes.values())),
                _DETAILS[code].format(named),
                exact=code in ("packed", "quantized"),
                only_buffers=code == "hidden_buffers",
            )


_EXACT = 'to count them, send the names and shapes of its tensors as the format "tensors"'
_DETAILS = {
    "hidden_parameters": "{} may own parameters that print(model) does not show, and none are counted; " + _EXACT,
    "hidden_buffers": "{} may own buffers that print(model) does not show, so `buffers` is not exact; " + _EXACT,
    "hidden_ties": "{} may use one tensor in two places, which print(model) does not show; counted twice; " + _EXACT,
    "hidden_arguments": "{} are not in what print(model) shows; counted as by default; " + _EXACT,
    "lazy": "{} have no shapes before their first call, and are not counted: print the model after it",
    "missing_modules": "the numbers of the modules in a {} have gaps: counted as it stands, but lines may be missing",
    "quantized": "{} hold quantised weights, counted as the values that they stand for, and frozen",
    "packed": "{} hold packed weights, which are neither parameters nor buffers: 0, as torch itself counts them",
}


@known.cache_by_class(unknown=cast("LayerType | None", None))
def find_formula(name: str) -> LayerType | None:
    """Return the formula of a printed class: torch's own, or that of the class which it equals, under FSDP or not."""
    for candidate in (forms.modern_name(name), name.removeprefix("FSDP"), find_alias(name)):
        if (kind := LAYERS.get(f"torch.{candidate}")) is not None:
            return kind
    return None


def _list_modules(root: Module) -> list[Module]:
    """Return all modules of a text, a parent before its children."""
    modules, waiting = [], [root]
    while waiting:
        module = waiting.pop()
        modules.append(module)
        waiting += reversed(module.children)
    return modules


@lru_cache(maxsize=1024)
def _list_parameters(kind: LayerType) -> tuple[str, ...]:
    """Return the constructor's arguments, in its order."""
    return tuple(name for name in signature(kind.formula).parameters if name in kind.signature.arguments)


def _check_print(module: Module) -> None:
    """Raise InvalidDocument for source code, and for a container that prints more than modules."""
    name = module.type
    if name.startswith(("nn.", "torch.nn.")):
        raise InvalidDocument(f"line {module.line}: this is the source of a model; send what print(model) writes of it")
    if name in known.ASSEMBLED and any(module.text):
        raise InvalidDocument(
            f'line {module.line}: {name} prints modules only, as "(name): Class(...)", not "{module.text[0][:60]}"'
        )


def name_arguments(kind: LayerType, module: Module) -> dict[str, Any] | None:
    """Return the printed arguments by name, or None if they are not those that the formula needs.

    Positional ones are in the order of the constructor.
    """
    text = ", ".join(module.text)
    if len(text) > _MAX_ARGUMENTS_CHARS:
        config = {}  # the text is no list of arguments
    elif not kind.signature.arguments:
        return {} if kind.name != f"torch.{module.type}" or may_print(module.type, text) else None
    else:
        config = _name_each(parse_arguments(forms.modern_arguments(text)), kind, module)
    missing = any(problem.code == "required" for problem in kind.signature.problems(config, ""))
    return None if missing else config


def _name_each(arguments: Arguments, kind: LayerType, module: Module) -> dict[str, Any]:
    names = _list_parameters(kind)
    by_position = {
        names[index] if index < len(names) else f"argument {index + 1}": value
        for index, value in enumerate(arguments.positional)
    }
    if arguments.repeated or not by_position.keys().isdisjoint(arguments.named):
        raise InvalidDocument(
            f"line {module.line}: {module.type[:60]} states an argument twice; is its line broken, or two lines joined?"
        )
    return by_position | arguments.named


def _count_copies(module: Module) -> int:
    """Return the number of copies in a line: 12 for "(0-11): 12 x Block("."""
    if module.repeat == 1:
        return 1
    ranges = block_ranges.parse(module.name)
    if len(ranges) != 1 or ranges[0][1] - ranges[0][0] + 1 != module.repeat:
        raise InvalidDocument(f'line {module.line}: "({module.name[:60]})" does not name {module.repeat} copies')
    return module.repeat


def _attention_tensors(module: Module) -> tuple[Tensor, ...]:
    """Return the own tensors of a torch.nn.MultiheadAttention: its out_proj shows its size and its bias."""
    if [child.name for child in module.children] != ["out_proj"]:
        return ()
    kind, out_proj = LAYERS["torch.MultiheadAttention"], parse_arguments(", ".join(module.children[0].text)).named
    config = {"embed_dim": out_proj.get("in_features"), "num_heads": 1, "bias": out_proj.get("bias", True)}
    if kind.signature.problems(config, ""):
        return ()
    return tuple(tensor for tensor in kind.formula(**config) if not tensor.name.startswith("out_proj."))
