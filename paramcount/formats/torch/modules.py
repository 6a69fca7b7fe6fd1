"""A printed module as layers, and what the text does not show of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from inspect import signature
from typing import Any

from paramcount.formats.torch import known
from paramcount.formats.torch.arguments import arguments
from paramcount.formats.torch.classes import alias, verdicts
from paramcount.formats.torch.parameters import parameters
from paramcount.formats.torch.parametrized import parametrized
from paramcount.formats.torch.text import Module
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge
from paramcount.model.layers import Layer
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import LAYERS, LayerType

_OWN_NOTHING = known.ASSEMBLED | known.WRAPPERS | known.ADAPTERS | known.COMPOSITES
_MOST_NAMED = 20
_LONGEST_ARGUMENTS = 10_000
_MOST_TENSORS = 1_000_000


class Reading:
    """Makes layers of modules, and notes the classes that may own what nobody sees."""

    def __init__(self, root: Module) -> None:
        self._found: dict[str, dict[str, str]] = {}  # code -> class -> the first path it stands at
        names = [name for name in _types(root) if name and not is_torch(name)]
        self._verdicts = verdicts(frozenset(names), names[0] if names else "")
        self.problems: list[ArchitectureError] = []
        self._tensors = 0

    def layer(self, module: Module, path: str = "", parent: str = "") -> Layer:
        """The layer that a module is, with all beneath it."""
        layer = Layer(module.name, module.type, repeat=_copies(module), pointer=f"line {module.line}")
        if module.type.startswith("Parametrized") and (kind := formula(module.type.removeprefix("Parametrized"))):
            return self._parametrized(layer, module, path, kind)
        if module.type in ("ParameterList", "ParameterDict"):
            layer = layer._replace(tensors=tuple(parameters(module)))
            module.children = [child for child in module.children if child.type]
        children = tuple(
            self.layer(child, f"{path}.{child.name}" if path else child.name, module.type)
            for child in module.children
            if child.text != ["None"] or child.type
        )
        return self._own(layer._replace(children=children), module, path, parent)

    def _own(self, layer: Layer, module: Module, path: str, parent: str) -> Layer:
        """The layer with its own tensors, or with the config that its formula makes them of."""
        name = module.type
        if name.startswith(("nn.", "torch.nn.")):
            raise InvalidDocument(
                f"line {module.line}: this is the source of a model; send what print(model) writes of it"
            )
        if name in known.ASSEMBLED and any(text for text in module.text):
            raise InvalidDocument(
                f'line {module.line}: {name} prints modules only, as "(name): Class(...)", not "{module.text[0][:60]}"'
            )
        if name in known.WEIGHTED:
            self._note("hidden_buffers", name, path)
        if name in _OWN_NOTHING or (name in known.WEIGHTED and layer.children):
            return layer
        if name == "MultiheadAttention" and (tensors := _attention(module)):
            if parent not in known.TRANSFORMER_LAYERS:
                self._note("hidden_arguments", "MultiheadAttention's kdim, vdim and add_bias_kv", path)
            return layer._replace(tensors=tensors)
        if kind := formula(name):
            config = config_of(kind, module)
            if not any(problem.code == "required" for problem in kind.signature.problems(config, "")):
                if not layer.children and kind.name == f"torch.{name}":
                    return layer._replace(config=config)
                return layer._replace(tensors=self.own_tensors(kind, config, module))
        self._unseen(name or module.text[0].split()[0][:60], path)
        return layer

    def _unseen(self, name: str, path: str) -> None:
        if name in known.LAZY:
            self._note("lazy", name, path)
        elif name in known.PACKED:
            self._note("packed", name, path)
        elif (verdict := self._verdicts.get(name, "parameters")) != "nothing":
            self._note(f"hidden_{verdict}", name, path)

    def own_tensors(self, kind: LayerType, config: dict[str, Any], module: Module) -> tuple[Tensor, ...]:
        """What a formula yields, without what stands in the module's printed children."""
        children = {child.name for child in module.children}
        known_config = {name: config[name] for name in config if name in kind.signature.arguments}
        try:
            if problems := kind.signature.problems(known_config, ""):
                raise problems[0]
            tensors = tuple(kind.formula(**known_config))
        except ArchitectureError as error:
            argument = error.pointer.removeprefix("/")
            self.problems.append(InvalidDocument(f"line {module.line}: {argument} {error.detail}", code=error.code))
            return ()
        self._tensors += len(tensors)
        if self._tensors > _MOST_TENSORS:
            raise TooLarge(f"line {module.line}: is where a text holds more than {_MOST_TENSORS:,} tensors")
        return tuple(tensor for tensor in tensors if tensor.name.partition(".")[0] not in children)

    def _parametrized(self, layer: Layer, module: Module, path: str, kind: LayerType) -> Layer:
        config = config_of(kind, module)
        made = parametrized(layer, module, {t.name: t for t in self.own_tensors(kind, config, module)})
        for child in module.children:
            for list_of in child.children:
                for step in list_of.children:
                    if step.type in ("_WeightNorm", "_SpectralNorm"):
                        self._note("hidden_arguments", f"{step.type}'s dim", path)
                    elif step.type == "_Orthogonal":
                        self._note("hidden_buffers", step.type, path)
                    else:
                        self._own(Layer(step.name, step.type), step, path, "")
        return made

    def _note(self, code: str, name: str, path: str) -> None:
        self._found.setdefault(code, {}).setdefault(name, path)

    def warnings(self) -> Iterable[ReportWarning]:
        """What a reader of the report must know, one notice a kind."""
        for code, classes in self._found.items():
            named = ", ".join(list(classes)[:_MOST_NAMED])
            if len(classes) > _MOST_NAMED:
                named += f" and {len(classes) - _MOST_NAMED} more"
            yield ReportWarning(
                code, next(iter(classes.values())), _DETAILS[code].format(named), exact=code == "packed"
            )


_EXACT = 'to count them, send the names and shapes of its tensors as the format "tensors"'
_DETAILS = {
    "hidden_parameters": "{} may own parameters that print(model) does not show, and none are counted; " + _EXACT,
    "hidden_buffers": "{} may own buffers that print(model) does not show, and none are counted; " + _EXACT,
    "hidden_ties": "{} may use one tensor in two places, which print(model) does not show; counted twice; " + _EXACT,
    "hidden_arguments": "{} are not in what print(model) shows; counted as by default; " + _EXACT,
    "lazy": "{} have no shapes before their first call, and are not counted: print the model after it",
    "packed": "{} hold packed weights, which are neither parameters nor buffers: 0, as torch itself counts them",
}


@lru_cache(maxsize=4096)
def formula(name: str) -> LayerType | None:
    """The formula for a printed class: torch's own, one of the same form, or that under FSDP's name for it."""
    for candidate in (name, name.removeprefix("FSDP"), alias(name)):
        if (found := LAYERS.get(f"torch.{candidate}")) is not None:
            return found
    return None


def is_torch(name: str) -> bool:
    """Whether a class is torch's own, as far as its name tells."""
    return name in _OWN_NOTHING or name in known.LAZY or name in known.PACKED or f"torch.{name}" in LAYERS


def _types(root: Module) -> Iterable[str]:
    yield root.type
    for child in root.children:
        yield from _types(child)


@lru_cache(maxsize=1024)
def _names(kind: LayerType) -> tuple[str, ...]:
    return tuple(signature(kind.formula).parameters)


def config_of(kind: LayerType, module: Module) -> dict[str, Any]:
    """The printed arguments by name: those by position stand in the order of the constructor."""
    text = ", ".join(module.text)
    if not kind.signature.arguments or len(text) > _LONGEST_ARGUMENTS:
        return {}  # it owns nothing, whatever it prints; or what it prints is no list of arguments
    found = arguments(text)
    names = _names(kind)
    by_position = {
        names[at] if at < len(names) else f"argument {at + 1}": value for at, value in enumerate(found.positional)
    }
    return by_position | found.named


def _copies(module: Module) -> int:
    """How many copies a line stands for: "(0-11): 12 x Block(" is twelve."""
    if module.repeat == 1:
        return 1
    first, _, last = module.name.partition("-")
    whole = first.isdecimal() and last.isdecimal() and len(module.name) < 40
    if not whole or int(last) - int(first) + 1 != module.repeat:
        raise InvalidDocument(f'line {module.line}: "({module.name[:60]})" does not name {module.repeat} copies')
    return module.repeat


def _attention(module: Module) -> tuple[Tensor, ...]:
    """The own tensors of a torch.nn.MultiheadAttention, as its out_proj tells its size and its bias."""
    if [child.name for child in module.children] != ["out_proj"]:
        return ()
    kind, out = LAYERS["torch.MultiheadAttention"], arguments(", ".join(module.children[0].text)).named
    config = {"embed_dim": out.get("in_features"), "num_heads": 1, "bias": out.get("bias", True)}
    if kind.signature.problems(config, ""):
        return ()
    return tuple(tensor for tensor in kind.formula(**config) if not tensor.name.startswith("out_proj."))


def raised(problems: Iterable[ArchitectureError]) -> None:
    """Raise all problems at once, where there are any."""
    if found := list(problems):
        raise Problems(found[:100])
