"""Of which classes the values of a function may be, as far as a library's source tells."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from tools.oracle.torch_sources import Definition, Source, attribute_of_self

UNKNOWN = "?"
"""A value that may be a module of any class, or none."""
SOME_MODULE = "!"
"""A module of a class that is not known."""
NO_MODULE = ""
NO_CLASS = "object"
"""A class that is no module."""
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")
HOOKS = ("weight_norm", "spectral_norm", "deepcopy", "checkpoint_wrapper")
"""Functions that return the module which they are given, or a copy of it."""
PLAIN_TYPES = {
    *("int", "float", "bool", "str", "dtype", "device", "Tensor", "dict", "list", "tuple", "None", "Optional", "torch"),
    *("Sequence", "List", "Tuple", "Dict", "Union", "Iterable", "Mapping", "Literal"),
}
"""Words of annotations that name no module."""
MAX_CALLS = 4
"""The most functions inside each other whose returned modules are looked for."""

Kinds = frozenset[str]
"""Classes that a value may be of; UNKNOWN and NO_MODULE among them."""


class Names(Protocol):
    """A library that finds classes and functions by the names that a file gives them."""

    called: set[str]

    def class_of(self, scope: Source, expression: ast.expr) -> str: ...
    def bases(self, scope: Source, node: ast.ClassDef) -> Iterator[Definition | str]: ...
    def function(self, scope: Source, name: str) -> tuple[Source, ast.FunctionDef] | None: ...


class Values:
    """Tells the classes that expressions of one function may be of."""

    def __init__(
        self,
        names: Names,
        scope: Source,
        function: ast.FunctionDef,
        methods: Mapping[str, tuple[Source, ast.FunctionDef]],
        attributes: Mapping[str, Iterable[str]],
        inherited: Mapping[str, Kinds],
        calls: int = 0,
    ) -> None:
        self._names, self._scope, self._function, self._methods = names, scope, function, methods
        self._attributes, self._inherited, self._calls = attributes, inherited, calls
        self._arguments = {a.arg: a for a in [*function.args.args, *function.args.kwonlyargs]}
        self._locals: dict[str, list[ast.expr]] = defaultdict(list)
        self._added: dict[str, list[ast.expr]] = defaultdict(list)
        self._many: dict[str, list[ast.expr]] = defaultdict(list)
        self._counters: set[str] = set()
        self._open: set[str] = set()
        for node in ast.walk(function):
            self._note(node)

    def _note(self, node: ast.AST) -> None:  # noqa: C901 - one case a statement
        """Note what a local name is assigned, and what is put into it."""
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        self._locals[target.id].append(value)
                    elif isinstance(target, ast.Tuple):
                        for item in target.elts:
                            if isinstance(item, ast.Name):
                                self._locals[item.id].append(ast.Name("?"))
                    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                        self._added[target.value.id].append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self._locals[name].append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                self._many[name].append(value)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method), args=[*_, last]):
                if method in ("append", "insert", "add_module"):
                    self._added[name].append(last)
                elif method == "extend":
                    self._many[name].append(last)
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                counts = isinstance(source, ast.Call) and ast.unparse(source.func) in ("range", "enumerate")
                for position, item in enumerate(target.elts if isinstance(target, ast.Tuple) else [target]):
                    if isinstance(item, ast.Name):
                        if counts and position == 0:
                            self._counters.add(item.id)
                        self._locals[item.id].append(ast.Name("?"))

    def kinds(self, value: ast.expr) -> Kinds:
        """Return the classes of a value."""
        match value:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.BinOp() | ast.UnaryOp() | ast.Lambda():
                return frozenset({NO_MODULE})
            case ast.List() | ast.Tuple() | ast.Dict() | ast.ListComp() | ast.DictComp() | ast.Set():
                return frozenset({NO_MODULE})
            case ast.IfExp():
                return self.kinds(value.body) | self.kinds(value.orelse)
            case ast.BoolOp():
                return frozenset().union(*map(self.kinds, value.values))
            case ast.NamedExpr():
                return self.kinds(value.value)
            case ast.Name():
                return self._name_kinds(value.id)
            case ast.Attribute():
                name = attribute_of_self(value)
                known = self._attributes.get(name) or self._inherited.get(name)
                return frozenset(known) if known else frozenset({UNKNOWN})
            case ast.Call():
                return self._call_kinds(value)
            case ast.Subscript(value=ast.Call() as call, slice=ast.Constant(value=int(index))):
                return self._call_kinds(call, index)
        return frozenset({UNKNOWN})

    def _name_kinds(self, name: str) -> Kinds:
        if name in self._open:
            return frozenset()
        if name in self._locals:
            self._open.add(name)
            kinds = frozenset().union(*map(self.kinds, self._locals[name]))
            if name in self._arguments:
                kinds |= self._argument_kinds(self._arguments[name])
            self._open.discard(name)
            if added := self._local_elements(name):
                kinds = frozenset(with_elements(kind, set(added)) for kind in kinds)
            return kinds
        if name in self._arguments:
            return self._argument_kinds(self._arguments[name])
        owned = self._names.function(self._scope, name) or self._names.class_of(self._scope, ast.Name(name))
        return frozenset({NO_MODULE if owned else UNKNOWN})  # else a module that the whole file shares, or none

    def _argument_kinds(self, argument: ast.arg) -> Kinds:
        words = set(re.findall(r"\w+", ast.unparse(argument.annotation))) if argument.annotation else set()
        return frozenset({NO_MODULE if words and words <= PLAIN_TYPES else UNKNOWN})

    def _call_kinds(self, call: ast.Call, index: int | None = None) -> Kinds:  # noqa: C901 - one case a callee
        """Return the classes of what a call returns, or of a part of it."""
        text = ast.unparse(call.func)
        owner, _, name = text.rpartition(".")
        if name in HOOKS and call.args:
            return self.kinds(call.args[0])
        class_name = self._names.class_of(self._scope, call.func)
        if not class_name and name in ("from_config", "_from_config", "from_pretrained"):
            class_name = self._names.class_of(self._scope, call.func.value)  # type: ignore[attr-defined]
        if class_name in (NO_CLASS, "Parameter", "Buffer", "UninitializedParameter"):
            return frozenset({NO_MODULE})
        if class_name in CONTAINERS:
            return frozenset({with_elements(f"{class_name}[]", self.all_elements(call.args))})
        if class_name:
            return frozenset({class_name})
        if owner in ("torch", "math", "np", "F", "nn.functional", "torch.nn.functional", "warnings", "os"):
            return frozenset({NO_MODULE})
        if owner in self._arguments and NO_MODULE in self._argument_kinds(self._arguments[owner]):
            return frozenset({NO_MODULE})  # a method of a text or of a number
        if owner == "self" and name in self._methods:
            return self._return_kinds(*self._methods[name], index)
        if not owner and (function := self._names.function(self._scope, name)):
            return self._return_kinds(*function, index)
        if not owner and name in ("int", "float", "len", "max", "min", "list", "tuple", "dict", "set", "str", "bool",
                                  "range", "partial", "sum", "round", "abs", "sorted", "isinstance"):  # fmt: skip
            return frozenset({NO_MODULE})
        chosen = isinstance(call.func, ast.Subscript) or (
            not owner and (name in self._arguments or name in self._locals)
        )
        return frozenset({SOME_MODULE if chosen else UNKNOWN})  # a class that is an argument, or of a table

    def _return_kinds(self, scope: Source, function: ast.FunctionDef, index: int | None) -> Kinds:
        if self._calls >= MAX_CALLS:
            return frozenset({UNKNOWN})
        inner = Values(self._names, scope, function, self._methods, self._attributes, self._inherited, self._calls + 1)
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        if index is not None:
            parts = [
                value.elts[index] if isinstance(value, ast.Tuple) and index < len(value.elts) else None
                for value in returned
            ]
            if None in parts:
                return frozenset({UNKNOWN})
            returned = [part for part in parts if part is not None]
        return frozenset().union(*map(inner.kinds, returned)) or frozenset({NO_MODULE})

    def all_elements(self, arguments: Iterable[ast.expr]) -> set[str]:
        """Return the classes of a container's modules, by the arguments of its constructor."""
        kinds: set[str] = set()
        for argument in arguments:
            match argument:
                case ast.Starred():
                    kinds |= self.elements(argument.value)
                case ast.List() | ast.Tuple() | ast.ListComp() | ast.GeneratorExp() | ast.Dict() | ast.DictComp():
                    kinds |= self.elements(argument)
                case ast.Name() if self._locals.get(argument.id) or argument.id in self._arguments:
                    kinds_of_name = self.kinds(argument)
                    kinds |= self.elements(argument) if kinds_of_name <= {NO_MODULE, UNKNOWN} else kinds_of_name
                case ast.Call() if ast.unparse(argument.func).rpartition(".")[2] == "OrderedDict":
                    kinds |= self.elements(argument.args[0]) if argument.args else set()
                case _:
                    kinds |= self.kinds(argument)
        return {UNKNOWN if kind == NO_MODULE else kind for kind in kinds}

    def elements(self, value: ast.expr) -> set[str]:  # noqa: C901 - one case an expression
        """Return the classes of what a list or a mapping holds."""
        match value:
            case ast.List() | ast.Tuple():
                if value.elts and all(isinstance(item, ast.Tuple) for item in value.elts):  # pairs of name and module
                    return set().union(*(self.kinds(item.elts[-1]) for item in value.elts))  # type: ignore[attr-defined]
                return self.all_elements(value.elts)
            case ast.ListComp() | ast.GeneratorExp():
                element = value.elt.elts[-1] if isinstance(value.elt, ast.Tuple) and value.elt.elts else value.elt
                return set(self.kinds(element))
            case ast.Dict():
                return set().union(*map(self.kinds, value.values))
            case ast.DictComp():
                return set(self.kinds(value.value))
            case ast.BinOp(op=ast.Add()):
                return self.elements(value.left) | self.elements(value.right)
            case ast.BinOp(op=ast.Mult()):
                return self.elements(value.left)
            case ast.IfExp():
                return self.elements(value.body) | self.elements(value.orelse)
            case ast.Call() if ast.unparse(value.func) in ("list", "tuple", "OrderedDict", "collections.OrderedDict"):
                return self.elements(value.args[0]) if value.args else set()
            case ast.Name(id=name) if name in self._locals and name not in self._arguments and name not in self._open:
                self._open.add(name)
                held = set().union(*map(self.elements, self._locals[name]))
                self._open.discard(name)
                return held | set(self._local_elements(name))
        return {UNKNOWN}

    def _local_elements(self, name: str) -> Kinds:
        if f"{name}[]" in self._open:
            return frozenset()
        self._open.add(f"{name}[]")
        held = set().union(*map(self.elements, self._many[name])) | self.all_elements(self._added[name])
        self._open.discard(f"{name}[]")
        return frozenset(held)

    def name_pattern(self, value: ast.expr) -> str:
        """Return a child's name as far as the code tells it."""
        match value:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(
                    str(part.value) if isinstance(part, ast.Constant) else self._placeholder(part.value)  # type: ignore[attr-defined]
                    for part in parts
                )
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self.name_pattern(left) + self.name_pattern(right)
            case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(text))):
                return re.sub(r"%\w", lambda match: "#" if match[0] == "%d" else "*", text)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
                return re.sub(r"\{[^}]*\}", "*", text)
            case ast.Call(func=ast.Name(id="str"), args=[inner]):
                return self._placeholder(inner)
            case ast.Name(id=name) if (
                len(self._locals.get(name, ())) == 1 and ast.unparse(self._locals[name][0]) != "?"
            ):
                return self.name_pattern(self._locals[name][0]) if name not in self._open else "*"
        return "*"

    def _placeholder(self, value: ast.expr) -> str:
        names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        plain = not any(isinstance(node, ast.Call | ast.Attribute | ast.Subscript) for node in ast.walk(value))
        return "#" if plain and names <= self._counters else "*"


def with_elements(kind: str, added: Iterable[str]) -> str:
    """Return a container's class with the classes of its modules; the class alone where one of them is not known."""
    name, bracket, inside = kind.partition("[")
    if name not in CONTAINERS or not bracket:
        return kind
    classes = {*inside.removesuffix("]").split(","), *(item.partition("[")[0] for item in added)} - {""}
    return name if {UNKNOWN, SOME_MODULE} & classes else f"{name}[{','.join(sorted(classes))}]"
