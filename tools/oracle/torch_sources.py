"""A library's source files, and what their names mean."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Source:
    """A module of a library: its classes and functions, and what its names mean."""

    name: str
    file: str
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # of classes
    removed: set[str] = field(default_factory=set)  # attributes that its code takes from modules
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name -> (module, name)

    def resolve(self, expression: ast.expr) -> tuple[str, str]:
        """Return what a name stands for: a module, empty for this one, and a name in it."""
        owner, _, name = ast.unparse(expression).rpartition(".")
        if owner in self.imports:
            return ".".join(self.imports[owner]), name
        return self.imports[name] if not owner and name in self.imports else (owner, name)


Definition = tuple[Source, ast.ClassDef]


def read_source(path: Path, tree: ast.Module) -> Source:
    """Return a file of a library as a source."""
    source = Source(path.stem, path.with_suffix("").as_posix(), removed=set(list_removed(tree)))
    source.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Name):
            source.aliases[node.targets[0].id] = node.value.id
    for inner in ast.walk(tree):
        if isinstance(inner, ast.ClassDef):
            source.classes.setdefault(inner.name, inner)
        elif isinstance(inner, ast.ImportFrom):
            for alias in inner.names:
                source.imports[alias.asname or alias.name] = (inner.module or "", alias.name)
    return source


def list_removed(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes of other objects than `self` that code deletes or sets to None."""
    for node in ast.walk(tree):
        match node:
            case ast.Delete(targets=targets) | ast.Assign(targets=targets, value=ast.Constant(value=None)):
                yield from (
                    one.attr for one in targets if isinstance(one, ast.Attribute) and not attribute_of_self(one)
                )


def attribute_of_self(node: ast.expr) -> str:
    """Return X of `self.X`, or ''."""
    plain = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if plain else ""  # type: ignore[attr-defined]
