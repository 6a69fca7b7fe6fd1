"""Classes of printed modules, known by their structure, since many classes have one name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from paramcount.formats.torch import forms, known
from paramcount.formats.torch.arguments import parse_arguments
from paramcount.formats.torch.classes import WORST_LAST, Definition, Kinds, Ownership, Structure, find_definitions
from paramcount.formats.torch.text import Module
from paramcount.schema.registry import LAYERS

OTHER = "other"
"""The ownership of a module of a class that no library is known to have: it may own parameters."""
MIN_NAMES = 3
"""The fewest names of children that must fit before a module is taken for a library's, with those inside it."""
_MAX_ARGUMENTS_CHARS = 1000


_KNOWN_BY_NAME = (
    known.ASSEMBLED
    | known.WRAPPERS.keys()
    | known.ADAPTERS
    | forms.QUANTIZED_ADAPTERS
    | known.HOLDERS
    | known.LAZY
    | known.PACKED
)


class _Context(NamedTuple):
    """The class around a module."""

    libraries: frozenset[str]
    paths: frozenset[str]
    names: set[tuple[str, str]]  # class and child that fit, from the outermost class of the library on


_UNKNOWN = _Context(frozenset(), frozenset(), set())
"""A class around a module that is no library's: the count is not exact, whatever is inside of it."""


def identify(root: Module) -> dict[int, Ownership]:
    """Return the ownership of each module by its id, but of torch's own leaves and of containers."""
    identities = _Identities()
    identities.visit(root, None)
    if root.type in known.HOLDERS and any(child.type for child in root.children):
        identities.ownerships[id(root)] = OTHER  # torch's hold no modules, but for those of a parametrized module
    return identities.ownerships


class _Identities:
    def __init__(self) -> None:
        self.ownerships: dict[int, Ownership] = {}

    def visit(self, module: Module, context: _Context | None) -> None:
        """Note the ownership of a module and of those inside it."""
        if not module.type:
            return
        if not _known_by_name(module):
            self._identify(module, context)
            return
        if (inner := known.WRAPPERS.get(module.type)) and [child.name for child in module.children] != [inner]:
            self.ownerships[id(module)] = OTHER
            context = _UNKNOWN
        for child in module.children:
            self.visit(child, context)

    def _identify(self, module: Module, context: _Context | None) -> None:
        """Note the ownership of a module that libraries define, and of those inside it."""
        fitting = [one for one in find_definitions(module.type) if fits(module, one)]
        chosen, inner = _choose(fitting, context)
        self.ownerships[id(module)] = _worst(chosen)
        if chosen:
            inner.names.update(_fitting_names(module, chosen[0].structure))
        for child in module.children:
            if child.children or not _is_leaf(child.type):
                self.visit(child, inner)
        is_outermost = context is None or inner.names is not context.names
        is_weak = is_outermost and context is not _UNKNOWN and len(inner.names) < MIN_NAMES
        if is_weak and not any(one.ownership.startswith("as ") for one in chosen):
            self.ownerships[id(module)] = OTHER


def _fitting_names(module: Module, structure: Structure) -> Iterable[tuple[str, str]]:
    """Yield what of a module's structure tells it from others: names of children, and lists whose classes are known."""
    for child in module.children:
        if (kinds := structure.children.get(child.name)) is not None:
            yield module.type, child.name
            if child.children and kinds.get(child.type):
                yield module.type, f"{child.name}[]"


@known.cache_by_class(unknown=False)
def _is_container(name: str) -> bool:
    """Return whether the reader knows a class by its name alone, whatever it prints."""
    return name.removeprefix("FSDP") in _KNOWN_BY_NAME or name.startswith("Parametrized")


@known.cache_by_class(unknown=False)
def _is_leaf(name: str) -> bool:
    """Return whether a class has no modules in it, and its tensors are those that its arguments tell."""
    name = forms.modern_name(name.removeprefix("FSDP"))
    if name in forms.LINEAR_SIZES:
        return True
    return f"torch.{name}" in LAYERS and name not in known.COMPOSITES and not _is_container(name)


def _known_by_name(module: Module) -> bool:
    if _is_leaf(module.type):
        return not (module.children and _has_modules(module))
    return _is_container(module.type)


def _has_modules(module: Module) -> bool:
    return any(child.type for child in module.children) and not (
        module.type == "MultiheadAttention" and [child.name for child in module.children] == ["out_proj"]
    )


def _choose(fitting: Sequence[Definition], context: _Context | None) -> tuple[Sequence[Definition], _Context]:
    """Return the definitions nearest to the class around a module, and what they are to those inside it."""
    if not fitting:
        return (), _UNKNOWN
    names: set[tuple[str, str]] = set()
    if context:
        near = [one for one in fitting if one.path in context.paths] or [
            one for one in fitting if one.library in context.libraries or one.library == "torch"
        ]
        if near and context.paths == {one.path for one in near}:
            return near, context
        if near:
            fitting, names = near, context.names
    libraries = frozenset(one.library for one in fitting) - {"torch"} or (context.libraries if context else frozenset())
    return fitting, _Context(libraries, frozenset(one.path for one in fitting), names)


def _worst(definitions: Iterable[Definition]) -> Ownership:
    ownerships = [one.ownership if one.ownership in WORST_LAST else "parameters" for one in definitions]
    return max(ownerships, key=WORST_LAST.index, default=OTHER)


def fits(module: Module, definition: Definition) -> bool:
    """Return whether a module prints what a class builds."""
    structure = definition.structure
    if not _fit_arguments(module.text, structure.arguments):
        return False
    if definition.ownership.startswith("as ") and not any(module.text):
        return False  # torch's class prints its sizes
    names = set()
    for child in module.children:
        kinds = structure.find(child.name)
        if kinds is None or not _fit_child(child, kinds):
            return False
        if child.type:
            names.add(child.name)
    return structure.required <= names


def _fit_arguments(text: Sequence[str], arguments: frozenset[str] | None) -> bool:
    if not text or not any(text):
        return True
    if arguments is None:
        return False
    joined = ", ".join(text)
    if "*" in arguments or len(joined) > _MAX_ARGUMENTS_CHARS:
        return "*" in arguments
    printed = parse_arguments(joined)
    return not printed.positional and arguments >= printed.named.keys()


def _fit_child(child: Module, kinds: Kinds) -> bool:
    if not child.type:
        return child.text == ["None"]
    if not kinds:
        return True
    while child.type in known.WRAPPERS and len(child.children) == 1:
        (child,) = child.children
    if child.type in kinds and not kinds[child.type]:
        return True
    for name in list_replaced(child.type):
        if (elements := kinds.get(name)) is not None:
            return not elements or all(_fit_element(item, elements) for item in child.children)
    return child.type in known.ADAPTERS | forms.QUANTIZED_ADAPTERS


def _fit_element(item: Module, elements: Collection[str]) -> bool:
    if item.type in elements:
        return True
    if not item.type:
        return item.text == ["None"]
    while item.type in known.WRAPPERS and len(item.children) == 1:
        (item,) = item.children
    return item.type in known.ADAPTERS | forms.QUANTIZED_ADAPTERS or any(
        name in elements for name in list_replaced(item.type)
    )


def list_replaced(name: str) -> Iterable[str]:
    """Yield a class, and those that it takes the place of: FSDPLinear that of Linear."""
    yield name
    for prefix in known.STAND_IN_PREFIXES:
        if name.startswith(prefix):
            yield name[len(prefix) :]
    if name == "SyncBatchNorm":
        yield from ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
