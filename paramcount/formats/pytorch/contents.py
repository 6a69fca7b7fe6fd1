"""Contents of a file of torch: the model's tensors by name, its modules, and what else is beside them.

A file is a tensor, a state dict, a module, or a training checkpoint: a dict of these with an optimizer's state, random
states and numbers beside them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any, Literal, NamedTuple

from paramcount.formats.named_tensors.checkpoint import MAX_TENSORS
from paramcount.formats.named_tensors.tree import MAX_LEVELS
from paramcount.formats.pickles.objects import Instance
from paramcount.formats.pytorch.tensors import PickledTensor, Role, Storage, UnknownShape
from paramcount.model.errors import InvalidDocument, TooLarge

_MIN_VISITS, _VISITS_PER_VALUE = 20_000, 2
"""The most values that are looked at: a list that holds another one twice, which holds ..., has 2^n paths."""

OPTIMIZER_WORDS = frozenset(("optimizer", "optimizers", "optim", "optims", "opt", "optimiser"))
_OTHER_WORDS = frozenset(
    (
        "amp", "args", "callback", "callbacks", "cfg", "config", "dataloader", "datamodule", "dataset", "hparams",
        "history", "hyper", "hyperparameters", "loops", "lr", "metrics", "progress", "random", "rng", "sampler",
        "scaler", "sched", "scheduler", "schedulers", "seed", "timer", "trainer",
    )
)  # fmt: skip
_RANDOM_WORDS = frozenset(("rng", "random", "seed"))
_NUMBER_WORDS = frozenset(
    (
        "acc", "accuracy", "best", "epoch", "epochs", "error", "fitness", "iter", "iteration", "loss", "map", "score",
        "step", "steps", "time", "val",
    )
)  # fmt: skip
"""Words in the names of what is beside a model in a checkpoint; the last ones of single tensors only."""

_WORD = re.compile(r"[a-z]+")
_MAX_KEY_CHARS = 100
_COMPILED = "ScriptObject"

_FIRST_VALUES = 64
"""The values of a dict that are looked at to tell what it holds."""

Kind = Literal["checkpoint", "model", "optimizer", "other", "object"]


class ModuleParts(NamedTuple):
    """A module's class, and what it registered by name."""

    class_name: str
    parameters: Mapping[Any, Any]
    buffers: Mapping[Any, Any]
    modules: Mapping[Any, Any]
    packed: Mapping[Any, Any] = {}  # objects of compiled classes, as quantised layers have for their weights


class ModelTensor(NamedTuple):
    """A tensor of the model; its role is known where a module registered it, or where it is a Parameter."""

    tensor: PickledTensor
    role: Role
    container: str  # the path of what holds it


@dataclass
class Module:
    """A module of the file: its name in its parent, its class, the names of its tensors, its children."""

    name: str
    path: str
    class_name: str
    tensors: list[str] = field(default_factory=list)
    children: list[Module] = field(default_factory=list)


@dataclass
class Contents:
    """The contents of a file."""

    tensors: dict[str, ModelTensor] = field(default_factory=dict)
    modules: list[Module] = field(default_factory=list)  # those that are in no other
    optimizer: list[PickledTensor] = field(default_factory=list)
    others: dict[str, PickledTensor] = field(default_factory=dict)
    lazy: list[str] = field(default_factory=list)  # tensors without a shape
    unread: Counter[str] = field(default_factory=Counter)  # tensors in objects that are no modules, by class

    @property
    def containers_of_parameters(self) -> frozenset[str]:
        """The paths of what holds parameters: a tensor that is none, in the same container, is a buffer."""
        return frozenset([tensor.container for tensor in self.tensors.values() if tensor.tensor.is_parameter])

    @property
    def states_what_trains(self) -> bool:
        """True for a file of modules, or of parameters with nothing but buffers beside them."""
        containers = self.containers_of_parameters
        return bool(self.modules) or (
            bool(containers) and all(tensor.container in containers for tensor in self.tensors.values())
        )


class _Visit(NamedTuple):
    value: Any
    path: str
    kind: Kind
    depth: int = 0
    name: str = ""
    parent: Module | None = None  # the module that holds it
    owner: str = ""  # the class of the object that holds it


def find_contents(
    root: Any, size: int, read_module: Callable[[Instance], ModuleParts | None] | None = None
) -> Contents:
    """Return what an object holds, of a pickle with `size` values. Raises InvalidDocument or TooLarge."""
    return _Finder(size, read_module or read_pickled_module).find(root)


def read_pickled_module(value: Instance) -> ModuleParts | None:
    """Return the parts of a torch.nn.Module; None for any other object."""
    attributes = value.attributes
    if "_parameters" not in attributes or "_modules" not in attributes:
        return None
    parts = [attributes["_parameters"], attributes.get("_buffers", {}), attributes["_modules"]]
    tables = [part.entries if isinstance(part, Instance) and part.entries is not None else part for part in parts]
    if not all(isinstance(table, dict) for table in tables):
        raise InvalidDocument(f"holds a module {value.class_name[:100]} without tables of its tensors", code="module")
    packed = {
        name: part for name, part in attributes.items() if isinstance(part, Instance) and part.class_name == _COMPILED
    }
    parameters, buffers, modules = tables
    return ModuleParts(value.class_name, parameters, buffers, modules, packed)


class _Finder:
    def __init__(self, size: int, read_module: Callable[[Instance], ModuleParts | None]) -> None:
        self.contents = Contents()
        self.read_module = read_module
        self.left = _MIN_VISITS + _VISITS_PER_VALUE * size
        self.seen: set[int] = set()  # objects that are no modules

    def find(self, root: Any) -> Contents:
        """Visit all that the root holds, in its order; tensors come before what is in containers beside them."""
        pending = list(self._visit_values(_Visit(None, "", "checkpoint"), [("", root)], "checkpoint"))
        while pending:
            children = list(self._visit(pending.pop()))
            children.reverse()
            pending += children
        return self.contents

    def _visit(self, visit: _Visit) -> Iterable[_Visit]:
        """Return the containers that a container holds."""
        value = visit.value
        if isinstance(value, dict):
            return self._visit_dict(visit, value)
        if isinstance(value, Instance):
            return self._visit_instance(visit, value)
        return self._visit_values(visit, ((str(index), child) for index, child in enumerate(value)), visit.kind)

    def _visit_values(
        self, visit: _Visit, values: Iterable[tuple[str, Any]], kind: Kind, role: Role = ""
    ) -> Iterator[_Visit]:
        """Take the tensors among named values, and return the containers."""
        if visit.depth >= MAX_LEVELS:
            raise InvalidDocument("holds objects that are nested too deeply, or in themselves", code="nesting")
        prefix = f"{visit.path}." if visit.path else ""
        for name, value in values:
            self.left -= 1
            if self.left < 0:
                raise TooLarge("holds the same objects in too many places")
            if isinstance(value, PickledTensor):
                self._take(value, prefix + name, visit, kind, role)
            elif isinstance(value, _CONTAINERS):
                yield _Visit(value, prefix + name, kind, visit.depth + 1, name, visit.parent, owner=visit.owner)
            elif isinstance(value, Storage) and kind not in ("optimizer", "other"):
                self.contents.unread[visit.owner] += 1
            elif isinstance(value, UnknownShape):
                self.contents.lazy.append(prefix + name)

    def _visit_dict(self, visit: _Visit, value: dict[Any, Any]) -> Iterator[_Visit]:
        kind = visit.kind
        if kind not in ("optimizer", "other") and _is_optimizer(value):
            kind = "optimizer"
        if kind == "checkpoint" and any(map(_holds_model, value.values())):
            for key, child in value.items():
                yield from self._visit_values(visit, [(str(key), child)], _child_kind(str(key), child))
        else:
            kind = "model" if kind == "checkpoint" else kind
            names = {str(key): child for key, child in value.items()}
            if not visit.depth and _RANDOM_WORDS & {word for name in names for word in _words(name)}:
                kind = "other"  # random states alone
            yield from self._visit_values(visit, names.items(), kind)

    def _visit_instance(self, visit: _Visit, value: Instance) -> Iterator[_Visit]:
        is_inside = visit.kind in ("optimizer", "other")
        if not is_inside and (parts := self.read_module(value)) is not None:
            yield from self._visit_module(visit, parts)
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        for content in (value.entries, value.items):  # of a subclass of dict or list
            if content:
                yield visit._replace(value=content, depth=visit.depth + 1)
        attributes = value.attributes
        kind = visit.kind if is_inside else "optimizer" if _is_optimizer(attributes) else "object"
        visit = visit._replace(owner=value.class_name or visit.owner)
        yield from self._visit_values(visit, ((str(name), child) for name, child in attributes.items()), kind)
        state = None if attributes else value.state
        yield from self._visit_values(visit, [("state", state), ("args", value.args)], kind)

    def _visit_module(self, visit: _Visit, parts: ModuleParts) -> Iterator[_Visit]:
        module = Module(visit.name, visit.path, parts.class_name)
        (self.contents.modules if visit.parent is None else visit.parent.children).append(module)
        visit = visit._replace(parent=module, owner=parts.class_name)
        tables: tuple[tuple[Role, Mapping[Any, Any]], ...] = (("weight", parts.parameters), ("buffer", parts.buffers))
        for role, table in tables:
            yield from self._visit_values(visit, ((str(name), value) for name, value in table.items()), "object", role)
        yield from self._visit_values(visit, ((str(name), value) for name, value in parts.packed.items()), "object")
        yield from self._visit_values(visit, ((str(name), value) for name, value in parts.modules.items()), "model")

    def _take(self, tensor: PickledTensor, path: str, visit: _Visit, kind: Kind, role: Role) -> None:
        """Take a tensor to where it belongs."""
        contents = self.contents
        if not tensor.dtype:  # an array of numpy that holds no numbers
            return
        if kind == "optimizer":
            contents.optimizer.append(tensor)
        elif kind == "other":
            contents.others[path] = tensor
        elif kind == "object" and not role:
            contents.unread[visit.owner] += 1
        else:
            if path in contents.tensors:
                raise InvalidDocument(f'holds two tensors of the name "{path[:100]}"', code="duplicate_name")
            if len(contents.tensors) >= MAX_TENSORS:
                raise TooLarge(f"holds more than {MAX_TENSORS:,} tensors")
            role = role or ("weight" if tensor.is_parameter else "")
            contents.tensors[path] = ModelTensor(tensor, role, visit.path)
            if visit.parent is not None:
                visit.parent.tensors.append(path)


_CONTAINERS = (dict, list, tuple, Instance)
"""The values that may hold tensors."""


def _words(name: str) -> list[str]:
    return _WORD.findall(name[:_MAX_KEY_CHARS].lower())


def _is_optimizer(value: Mapping[Any, Any]) -> bool:
    """Return whether a dict is the state_dict of a torch.optim.Optimizer."""
    return "state" in value and "param_groups" in value


def _child_kind(name: str, child: Any) -> Kind:
    """Return what a child of a checkpoint is, by its name."""
    words = _words(name)
    if isinstance(child, PickledTensor):
        is_number = len(child.shape) < 2 and not _NUMBER_WORDS.isdisjoint(words) and prod(child.shape) < 2
        return "other" if is_number or not _OTHER_WORDS.isdisjoint(words) else "model"
    if not OPTIMIZER_WORDS.isdisjoint(words):
        return "optimizer"
    if not _OTHER_WORDS.isdisjoint(words):
        return "other"
    return "checkpoint"


def _holds_model(value: Any) -> bool:
    """Return whether a value in a dict shows that the dict is a checkpoint: a module, tensors by name, an optimizer."""
    if isinstance(value, Instance):
        return "_parameters" in value.attributes
    if not isinstance(value, dict):
        return False
    first = list(islice(value.values(), _FIRST_VALUES))
    return _is_optimizer(value) or any(
        isinstance(item, PickledTensor)
        or (isinstance(item, dict) and any(isinstance(part, PickledTensor) for part in islice(item.values(), 8)))
        for item in first
    )
