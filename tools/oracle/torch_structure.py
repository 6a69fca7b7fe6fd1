"""Structures of module classes, as a library's source tells them: children, and the arguments that are printed."""

from __future__ import annotations

import ast
import re
from collections import ChainMap, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tools.oracle.torch_sources import Source, attribute_of_self
from tools.oracle.torch_values import (
    CONTAINERS,
    NO_MODULE,
    SOME_MODULE,
    UNKNOWN,
    Kinds,
    Names,
    Values,
    with_elements,
)

_NAMED = re.compile(r"(\w+)=")


@dataclass
class Structure:
    """Children by name, where "#" stands for digits and "*" for anything, and the names of printed arguments."""

    children: dict[str, Kinds] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    arguments: set[str] | None = None  # None: prints none
    readable: bool = True  # print(model) shows its children

    def __str__(self) -> str:
        """Write it as a line of the table does: "(eps,*) fc1=Linear norm?=LayerNorm|Identity act?"."""
        tokens = [] if self.arguments is None else [f"({','.join(sorted(self.arguments))})"]
        for name, kinds in self.children.items():
            token = name if name in self.required or any(mark in name for mark in "#*") else f"{name}?"
            classes = sorted(kind.removesuffix("[]") for kind in kinds - {NO_MODULE})
            tokens.append(token if {UNKNOWN, SOME_MODULE} & set(classes) else f"{token}={'|'.join(classes)}")
        return " ".join(tokens)


class StructureReader:
    """Reads the classes of one library."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._structures: dict[ast.ClassDef, Structure] = {}

    def structure(self, scope: Source, node: ast.ClassDef) -> Structure:
        """Return the structure of a class, with what its bases build."""
        if node not in self._structures:
            self._structures[node] = Structure({"*": frozenset({UNKNOWN})}, set(), {"*"})  # a base of itself
            self._structures[node] = self._read(scope, node)
        return self._structures[node]

    def _read(self, scope: Source, node: ast.ClassDef) -> Structure:
        inherited = Structure()
        direct = False  # a Sequential or a ModuleList: what it passes to its base's constructor are its modules
        methods: list[Mapping[str, tuple[Source, ast.FunctionDef]]] = [_methods(scope, node)]
        for base in reversed(list(self._names.bases(scope, node))):
            known = _of_torch(base) if isinstance(base, str) else self.structure(*base)
            direct |= base in CONTAINERS
            inherited.children |= known.children
            inherited.required |= known.required
            inherited.readable &= known.readable
            if known.arguments is not None:
                inherited.arguments = (inherited.arguments or set()) | known.arguments
            if not isinstance(base, str):
                methods.append(self._all_methods(*base))
        body = _Body(self._names, ChainMap(*methods), inherited, direct)  # type: ignore[arg-type]
        result = body.read(scope, node)
        self._print(result, inherited, node)
        return result

    def _all_methods(self, scope: Source, node: ast.ClassDef) -> Mapping[str, tuple[Source, ast.FunctionDef]]:
        inner = [
            self._all_methods(*base)
            for base in self._names.bases(scope, node)
            if not isinstance(base, str) and base[1] is not node
        ]
        return ChainMap(_methods(scope, node), *inner)  # type: ignore[arg-type]

    def _print(self, result: Structure, inherited: Structure, node: ast.ClassDef) -> None:
        """Note what a class prints of its arguments."""
        result.arguments, result.readable = inherited.arguments, inherited.readable
        for method in node.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            if method.name == "extra_repr":
                result.arguments = _list_arguments(method)
            elif method.name in ("__repr__", "_get_name"):
                result.arguments = {"*"}
                result.readable = False


class _Body:
    """Reads what the methods of one class assign to `self`."""

    def __init__(
        self, names: Names, methods: Mapping[str, tuple[Source, ast.FunctionDef]], inherited: Structure, direct: bool
    ) -> None:
        self._names = names
        self._methods = methods
        self._inherited = inherited
        self._direct = direct
        self._children: dict[str, set[str]] = {}
        self._elements: dict[str, set[str]] = defaultdict(set)  # container -> classes that are put into it afterwards
        self._absent: set[str] = set()  # deleted, or set to None

    def read(self, scope: Source, node: ast.ClassDef) -> Structure:
        local = _methods(scope, node)
        required: set[str] = set()
        if "__init__" in local:
            required, _ = self._flow(scope, local["__init__"][1], local["__init__"][1].body, frozenset())
        else:
            required = set(self._inherited.required)
        for _, method in local.values():
            self._collect(scope, method)
        result = Structure(dict(self._inherited.children))
        for name, kinds in self._children.items():
            if name in required or name not in result.children:
                before: Kinds = frozenset()
            else:
                before = result.children[name]
            result.children[name] = frozenset(kinds) | before
        if "#" in self._inherited.children and not result.children["#"]:
            result.children["#"] = frozenset({UNKNOWN})
        result.children = {name: self._resolve(name, kinds) for name, kinds in result.children.items()}
        result.children = {name: kinds for name, kinds in result.children.items() if kinds - {NO_MODULE}}
        result.required = {
            name
            for name in required
            if name in result.children
            and name not in self._absent | scope.removed
            and NO_MODULE not in result.children[name]
            and result.children[name] != {UNKNOWN}
        }
        return result

    def _resolve(self, name: str, kinds: Kinds) -> Kinds:
        """Return the classes of a child with its elements; nothing where only a value's use can tell and none does."""
        if kinds <= {UNKNOWN, NO_MODULE} and name not in self._names.called and not set("#*") & set(name):
            return frozenset()
        added = self._elements.get(name, set())
        merged: dict[str, str] = {}
        for kind in kinds:
            plain, bracket, inside = with_elements(kind, added).partition("[")
            before = merged.get(plain, f"{plain}[]")
            merged[plain] = with_elements(before, inside[:-1].split(",")) if bracket and before[-1] == "]" else plain
        return frozenset(merged.values())

    def _flow(  # noqa: C901 - one case a statement
        self, scope: Source, function: ast.FunctionDef, body: Iterable[ast.stmt], calling: frozenset[str]
    ) -> tuple[set[str], str]:
        """Return the names that are assigned however the code runs, and how it ends: "", "return" or "raise"."""
        certain: set[str] = set()
        for statement in body:
            match statement:
                case ast.Return():
                    return certain, "return"
                case ast.Raise():
                    return certain, "raise"
                case ast.Assign() | ast.AnnAssign():
                    certain |= {name for name, _ in _list_assigned(statement)}
                case ast.Delete():
                    certain -= {attribute_of_self(target) for target in statement.targets}
                case ast.Expr(value=ast.Call() as call):
                    certain |= self._list_certain(call, calling)
                case ast.With():
                    inner, end = self._flow(scope, function, statement.body, calling)
                    certain |= inner
                    if end:
                        return certain, end
                case ast.If():
                    one, first = self._flow(scope, function, statement.body, calling)
                    other, second = self._flow(scope, function, statement.orelse, calling)
                    if first == "raise" or second == "raise":
                        certain |= other if first == "raise" else one
                        if first == second == "raise":
                            return certain, "raise"
                    else:
                        certain |= one & other
                    if "return" in (first, second):
                        return certain, "return"
        return certain, ""

    def _list_certain(self, call: ast.Call, calling: frozenset[str]) -> set[str]:
        """Return the names that a method's call assigns however it runs."""
        text = ast.unparse(call.func)
        if text.endswith(".__init__"):
            return set(self._inherited.required)
        name = attribute_of_self(call.func)
        if name in ("add_module", "register_module") and call.args:
            return {child for child in [_constant(call.args[0])] if child}
        if name and name in self._methods and name not in calling:
            inner_scope, method = self._methods[name]
            return self._flow(inner_scope, method, method.body, calling | {name})[0]
        if text == "setattr" and len(call.args) == 3 and ast.unparse(call.args[0]) == "self":
            return {child for child in [_constant(call.args[1])] if child}
        return set()

    def _collect(self, scope: Source, method: ast.FunctionDef) -> None:  # noqa: C901 - one case a statement
        """Take every assignment to `self` in a method, whether it always runs or not."""
        values = Values(self._names, scope, method, self._methods, self._children, self._inherited.children)
        for node in ast.walk(method):
            match node:
                case ast.Assign() | ast.AnnAssign():
                    for name, value in _list_assigned(node):
                        self._add(name, values.kinds(value) if value is not None else frozenset({UNKNOWN}), value)
                    for target in node.targets if isinstance(node, ast.Assign) else []:
                        if node.value is None:
                            continue
                        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "self":
                            self._add(values.name_pattern(target.slice), values.kinds(node.value), node.value)
                        if isinstance(target, ast.Subscript) and (name := attribute_of_self(target.value)):
                            if name == "_modules":
                                self._add(values.name_pattern(target.slice), values.kinds(node.value), node.value)
                            else:
                                self._elements[name] |= values.kinds(node.value)
                case ast.Delete():
                    self._absent |= {attribute_of_self(target) for target in node.targets}
                case ast.Call():
                    self._collect_call(node, values)

    def _collect_call(self, call: ast.Call, values: Values) -> None:  # noqa: C901 - one case a method
        text = ast.unparse(call.func)
        if text in ("self.add_module", "self.register_module", "super().add_module") and len(call.args) == 2:
            self._add(values.name_pattern(call.args[0]), values.kinds(call.args[1]), call.args[1])
        elif text == "setattr" and len(call.args) == 3 and ast.unparse(call.args[0]) == "self":
            name, kinds = values.name_pattern(call.args[1]), values.kinds(call.args[2])
            if name != "*" or kinds - {UNKNOWN, NO_MODULE}:
                self._add(name, kinds, call.args[2])
        elif text in ("self.append", "self.extend", "self.insert"):
            self._children["#"] = {UNKNOWN}
        elif text == "delattr" and len(call.args) == 2:
            self._absent.add(values.name_pattern(call.args[1]))
        elif isinstance(call.func, ast.Attribute) and (name := attribute_of_self(call.func.value)) and call.args:
            if call.func.attr in ("append", "insert", "add_module"):
                self._elements[name] |= values.kinds(call.args[-1])
            elif call.func.attr in ("extend", "update"):
                self._elements[name] |= values.elements(call.args[-1])
        elif text == "super().__init__":  # of a Sequential: its modules
            if self._direct and call.args:
                self._children.setdefault("#", set()).update(values.all_elements(call.args))
                if any(
                    not isinstance(one, ast.Starred) and values.kinds(one) & {UNKNOWN, NO_MODULE} for one in call.args
                ):
                    self._children["*"] = {UNKNOWN}  # named modules
        elif text == "self.update":
            self._children["*"] = {UNKNOWN}

    def _add(self, name: str, kinds: Kinds, value: ast.expr | None) -> None:
        if not name:
            return
        if isinstance(value, ast.Constant) and value.value is None:
            self._absent.add(name)
            self._children.setdefault(name, set()).add(NO_MODULE)
        else:
            self._children.setdefault(name, set()).update(kinds)


def list_called(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes of `self` that code calls, goes through or takes a part of, as it does with modules."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute() as function):
                if attribute_of_self(function) or isinstance(function.value, ast.Attribute):
                    yield function.attr
                if isinstance(function.value, ast.Attribute):
                    yield function.value.attr  # self.x.forward(...)
            case ast.For(iter=source) | ast.comprehension(iter=source):
                yield from (inner.attr for inner in ast.walk(source) if isinstance(inner, ast.Attribute))
            case ast.Subscript(value=ast.Attribute(attr=name)):
                yield name


def _methods(scope: Source, node: ast.ClassDef) -> dict[str, tuple[Source, ast.FunctionDef]]:
    return {item.name: (scope, item) for item in node.body if isinstance(item, ast.FunctionDef)}


def _of_torch(name: str) -> Structure:
    """Return what a base of torch.nn has by itself: numbered modules, named ones, or none."""
    if name in ("Sequential", "ModuleList"):
        return Structure({"#": frozenset()}, set(), None)
    if name == "ModuleDict":
        return Structure()
    return Structure({}, set(), None if name == "Module" else {"*"})


def _list_arguments(method: ast.FunctionDef) -> set[str] | None:
    """Return the names of the arguments that extra_repr prints; "*" for what it does not name."""
    texts = [node.value for node in ast.walk(method) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if isinstance(method.body[0], ast.Expr) and texts and len(method.body) > 1:
        texts = [text for text in texts if text != ast.get_docstring(method, clean=False)]
    names = {name for text in texts for name in _NAMED.findall(text)}
    source = ast.unparse(method)
    bare = "super()" in source or not names or re.search(r"return f?['\"]\{", source) or "for " in source
    return names | {"*"} if bare else names


def _list_assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the attributes of `self` that a statement assigns; None for a value that is unpacked."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if name := attribute_of_self(target):
            yield name, node.value
        elif isinstance(target, ast.Tuple):
            parts = [
                ast.Subscript(node.value or ast.Constant(None), ast.Constant(index))
                for index, _ in enumerate(target.elts)
            ]
            values: list[ast.expr] = node.value.elts if isinstance(node.value, ast.Tuple) else list(parts)
            yield from (
                (name, value)
                for item, value in zip(target.elts, values, strict=False)
                if (name := attribute_of_self(item))
            )


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
