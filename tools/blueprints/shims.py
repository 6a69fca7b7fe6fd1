"""Builtins and constructors of torch for symbolic values, put where transformers' code looks them up."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

from transformers import modeling_utils

from tools.blueprints.framework import LIBRARY, torch
from tools.blueprints.symbolic import CURRENT, SymbolicFloat, SymbolicInt, SymbolicList, made, plain, symbolic, term_of

_Number = SymbolicInt | SymbolicFloat
_MAX_LOOP_STEPS = 400
_NOTHING = object()


def _range(*bounds: Any) -> Any:
    numbers = range(*bounds)
    if not CURRENT.on:
        return numbers
    for bound in bounds:
        if isinstance(bound, SymbolicInt):
            CURRENT.trace.number(bound.raw(), bound.term)
    if len(numbers) > _MAX_LOOP_STEPS:
        return numbers
    if len(bounds) < 3:
        return [SymbolicInt(index, ("i", index)) for index in numbers]
    start, step = term_of(bounds[0]), term_of(bounds[2])
    return [SymbolicInt(item, ("+", start, ("*", ("i", index), step))) for index, item in enumerate(numbers)]


def _len(items: Any) -> Any:
    if isinstance(items, SymbolicList) and items.path:
        return SymbolicInt(list.__len__(items), ("len", items.path))
    return len(items)


def _enumerate(items: Iterable[Any], start: int = 0) -> Iterator[tuple[int, Any]]:
    for index, item in enumerate(items, int(start)):
        yield (SymbolicInt(index, ("i", index)) if CURRENT.on and index < _MAX_LOOP_STEPS else index), item


def _sum(items: Any, start: Any = 0) -> Any:
    if isinstance(items, SymbolicList) and items.path and all(isinstance(item, SymbolicInt) for item in items):
        return made(sum(plain(items)), ("suml", items.path))
    return sum(items, start)


def _extreme(function: Callable[..., Any], op: str) -> Callable[..., Any]:
    def extreme(*values: Any, **named: Any) -> Any:
        if not named and len(values) == 2 and any(isinstance(value, _Number) for value in values):
            return made(function(*map(plain, values)), (op, term_of(values[0]), term_of(values[1])))
        return function(*values, **named)

    return extreme


def _round(value: Any, *digits: Any) -> Any:
    return value.__round__(*digits) if isinstance(value, _Number) else round(value, *digits)


class _Type(type):
    """A stand-in for int or float: it converts symbolic values, and is the type in all else."""

    real: type

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.real)

    def __subclasscheck__(cls, other: Any) -> bool:
        return issubclass(other, cls.real)

    def __call__(cls, *values: Any, **named: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], _Number):
            value = values[0]
            if isinstance(value, SymbolicInt if cls.real is int else SymbolicFloat):
                return value
            return made(cls.real(value.raw()), (cls.real.__name__, value.term))
        return cls.real(*values, **named)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real, name)

    def __or__(cls, other: Any) -> Any:
        return cls.real | other

    def __ror__(cls, other: Any) -> Any:
        return other | cls.real

    def __eq__(cls, other: object) -> bool:
        return other is cls.real or other is cls

    def __hash__(cls) -> int:
        return hash(cls.real)


class _Int(metaclass=_Type):
    real = int


class _Float(metaclass=_Type):
    real = float


UNSEEN = frozenset(
    [
        "quantization_config",
        "pruned_heads",
        "torchscript",
        "text_config",
        "vision_config",
        "decoder",
        "encoder",
        "generator",
        "backbone",
        "text_encoder",
        "question_encoder",
        "audio_config",
        "use_cache",
        "is_composition",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "per_layer_config",
        "skip",
        "allow_global_per_layer_attribute_access",
        "auto_map",
        "backbone_config",
        "tie_last_hidden_states",
        "thinker_config",
        "talker_config",
        "get_text_config",
        "num_labels",
        "id2label",
        "partial_rotary_factor",
        "pad_token_id",
        "initializer_range",
        "layer_norm_eps",
        "rms_norm_eps",
        "init_std",
        "initializer_factor",
        "output_attentions",
        "gradient_checkpointing",
        "sub_configs",
    ]
)
"""Attributes that code asks for and that decide nothing about parameters."""


def _getattr(owner: Any, name: str, *default: Any) -> Any:
    """A default that stands in for a field is the field's value, symbolic like any other."""
    if default and type(default[0]) in (bool, int, float, str) and name[:1] != "_":
        try:
            prefix = object.__getattribute__(owner, "__dict__").get("_prefix")
        except AttributeError:
            prefix = None
        if prefix is not None:
            value = getattr(owner, name, _NOTHING)
            if value is not _NOTHING:
                return value
            if name in UNSEEN:
                return default[0]
            CURRENT.trace.fallbacks[prefix + name] = default[0]
            return symbolic(default[0], prefix + name)
    return getattr(owner, name, *default)


class _Math:
    """The math module for symbolic numbers."""

    def __getattr__(self, name: str) -> Any:
        real = getattr(math, name)
        if name not in ("sqrt", "log2", "log"):
            return real
        return lambda x, *more: (
            made(real(x.raw()), (name, x.term)) if isinstance(x, _Number) and not more else real(x, *more)
        )

    def prod(self, items: Iterable[Any], start: Any = 1) -> Any:
        for item in items:
            start = start * item
        return start

    def ceil(self, x: Any) -> Any:
        return x.__ceil__() if isinstance(x, _Number) else math.ceil(x)

    def floor(self, x: Any) -> Any:
        return x.__floor__() if isinstance(x, _Number) else math.floor(x)

    def gcd(self, a: Any, b: Any) -> Any:
        return made(math.gcd(a, b), ("gcd", term_of(a), term_of(b)))


_BUILTINS = {
    "getattr": _getattr, "range": _range, "len": _len, "enumerate": _enumerate, "int": _Int, "float": _Float,
    "round": _round, "max": _extreme(max, "max"), "min": _extreme(min, "min"), "sum": _sum,
}  # fmt: skip
_MATH = _Math()
_patched: set[str] = set()
_PARTS = ("modeling_", "configuration_")


def patch_modules() -> None:
    """Give the modelling and configuration modules that are loaded the builtins above."""
    for name, module in list(sys.modules.items()):
        if module is None or name in _patched or not name.startswith(f"{LIBRARY}.models."):
            continue
        _patched.add(name)
        if LIBRARY == "transformers" and (".auto" in name or not any(part in name for part in _PARTS)):
            continue
        for builtin, symbolic_builtin in _BUILTINS.items():
            module.__dict__.setdefault(builtin, symbolic_builtin)
        if module.__dict__.get("math") is math:
            module.__dict__["math"] = _MATH
        if "get_sinusoid_encoding_table" in module.__dict__:  # takes seconds to fill, and is no parameter
            module.__dict__["get_sinusoid_encoding_table"] = _table
        for owner in vars(module).values():
            _give_history(owner, name)
    modeling_utils.__dict__.setdefault("getattr", _getattr)  # it asks whether embeddings are to be tied


def _table(positions: int, width: int) -> Any:
    return torch.zeros(1, plain(positions), plain(width))


def _give_history(owner: Any, module: str) -> None:
    """Constants of a module's code as symbolic ones: a plain float times a symbolic integer is a plain float."""
    if isinstance(owner, FunctionType) and owner.__module__ == module:
        owner.__code__ = _with_history(owner.__code__)
    elif isinstance(owner, type) and owner.__module__ == module:
        for member in vars(owner).values():
            _give_history(member, module)


def _with_history(code: CodeType) -> CodeType:
    constants = [
        _with_history(one) if isinstance(one, CodeType)
        else SymbolicFloat(one, ("c", one)) if type(one) is float and math.isfinite(one)
        else one
        for one in code.co_consts
    ]  # fmt: skip
    return code.replace(co_consts=tuple(constants))


_CREATORS = {getattr(torch, n): n for n in ("empty", "zeros", "ones", "randn", "rand", "full")}
_CREATORS |= {getattr(torch.Tensor, n): n for n in ("new_empty", "new_zeros", "new_ones")}


def _sizes(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The shape that a constructor of tensors is given."""
    args = args[1:] if name.startswith("new_") else args
    if "size" in named:
        return named["size"]
    if not args:
        return None
    if isinstance(args[0], list | tuple) or name == "full":
        return args[0]
    return [size for size in args if isinstance(size, int)]


class Shapes(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """While on, tensors carry the symbolic shape that they were made with."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        if isinstance(made, torch.Tensor):
            name = _CREATORS.get(func)
            sizes = _sizes(name, args, kwargs) if name else None
            if isinstance(sizes, list | tuple):
                made.symbolic_shape = tuple(sizes)
            elif not name and not hasattr(made, "symbolic_shape"):
                _inherit(made, args, kwargs)
        return made


def _inherit(made: Any, args: Any, kwargs: Any) -> None:
    """The shape of a tensor made of others, by the sizes that those and the call name."""
    sources = [arg for arg in (*args, *kwargs.values()) if hasattr(arg, "symbolic_shape")]
    sources += [
        item for arg in args if isinstance(arg, list | tuple) for item in arg if hasattr(item, "symbolic_shape")
    ]
    if not sources:
        return
    shape = tuple(made.shape)
    for source in sources:
        if tuple(source.shape) == shape:
            made.symbolic_shape = source.symbolic_shape
            return
    known: dict[int, Any] = {}
    stated = [item for arg in args[1:] for item in (arg if isinstance(arg, list | tuple) else [arg])]
    for size in [*(size for source in sources for size in source.symbolic_shape), *stated]:
        if isinstance(size, SymbolicInt):
            known.setdefault(size.raw(), size)
    made.symbolic_shape = tuple(known.get(length, length) if length != 1 else length for length in shape)


_new_parameter = torch.nn.Parameter.__new__


def _parameter(cls: Any, data: Any = None, *args: Any, **named: Any) -> Any:
    made = _new_parameter(cls, data, *args, **named)
    if (shape := getattr(data, "symbolic_shape", None)) is not None:
        made.symbolic_shape = shape
    return made


torch.nn.Parameter.__new__ = _parameter
