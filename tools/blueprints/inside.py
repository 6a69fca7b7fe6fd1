"""Models inside a model whose blueprints ship: the class around them is compiled without their tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import iterate_classes, load_blueprint
from tools.blueprints import moves
from tools.blueprints.framework import LIBRARY, limit, part_for, torch
from tools.blueprints.raw import Fields, payload
from tools.blueprints.symbolic import CURRENT, Trace

_SECONDS = 60


class Inside(NamedTuple):
    """The model that a class builds of a config inside, by default."""

    path: str  # of the config
    prefix: str  # of the names of its tensors
    model_type: str
    cls: Any

    def holds(self, path: str) -> bool:
        """Return whether a field is of the config inside."""
        return path.startswith(f"{self.path}.")

    def to_slot(self) -> dict[str, Any]:
        """The slot, as a record says it."""
        return {"at": self.prefix, "takes": {self.model_type: self.cls.__name__}}


def find_inside(config_cls: Any, model_cls: Any, fields: Fields, start: Mapping[str, Any]) -> tuple[Inside, ...]:
    """The models inside of a class that ship, and not by their defaults only."""
    with limit(_SECONDS), torch.device("meta"):
        model = model_cls(part_for(model_cls, config_cls.from_dict(payload(fields, start))))
    modules = (_find_module(model, path) for path in fields.parts if "." not in path)
    return tuple(one for one in modules if one is not None and _ships(one))


def _find_module(model: Any, path: str) -> Inside | None:
    """The one module of a config inside that is outside all other such; None where there are more."""
    config: Any = getattr(model.config, path, None)
    modules = {
        f"{name}.": module for name, module in model.named_modules()
        if name and config is not None and getattr(module, "config", None) is config
    }  # fmt: skip
    outermost = [name for name in modules if not any(name.startswith(other) for other in modules if other != name)]
    if len(outermost) != 1:
        return None
    return Inside(path, outermost[0], config.model_type, type(modules[outermost[0]]))


def _ships(one: Inside) -> bool:
    pair = one.model_type, one.cls.__name__
    return pair in set(iterate_classes(LIBRARY)) and not load_blueprint(*pair, LIBRARY).defaults_only


@contextmanager
def unrecorded(inside: Sequence[Inside]) -> Iterator[None]:
    """Record nothing of what the constructors of the models inside compare and read: their blueprints say it."""
    before = {one.cls: one.cls.__dict__.get("__init__") for one in inside}
    for cls in before:
        cls.__init__ = _without_trace(cls.__init__)
    try:
        yield
    finally:
        for cls, constructor in before.items():
            if constructor is None:
                del cls.__init__
            else:
                cls.__init__ = constructor


def _without_trace(construct: Any) -> Any:
    def constructor(self: Any, *args: Any, **named: Any) -> None:
        trace, CURRENT.trace = CURRENT.trace, Trace()
        try:
            construct(self, *args, **named)
        finally:
            CURRENT.trace = trace

    return constructor


def keep_outside(names: Mapping[str, Any], inside: Sequence[Inside]) -> dict[str, Any]:
    """The tensors of no model inside, by name."""
    prefixes = tuple(one.prefix for one in inside)
    return {name: tensor for name, tensor in names.items() if not name.startswith(prefixes)} if prefixes else {**names}


def find_paths_inside(paths: Collection[str], inside: Sequence[Inside]) -> frozenset[str]:
    """Those of some fields that are of configs inside."""
    return frozenset(path for path in paths if any(one.holds(path) for one in inside))


def vary(inside: Sequence[Inside], fields: Fields, chance: Any) -> dict[str, list[Any]]:
    """Other values of the fields that the models inside depend on, to draw from."""
    values = {}
    for one in inside:
        for name in load_blueprint(one.model_type, one.cls.__name__, LIBRARY).fields:
            path = f"{one.path}.{name}"
            default = fields.defaults.get(path)
            if default is not None and path not in fields.opaque:
                values[path] = moves.others(path, default, fields.annotations.get(path, ""), chance)[:3]
    return {path: others for path, others in values.items() if others}
