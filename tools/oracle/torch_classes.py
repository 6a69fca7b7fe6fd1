"""Writes paramcount/formats/torch/classes.txt: what the source of libraries proves of their modules.

    python -m tools.oracle.torch_classes FOLDER ...    (each holds a library's package: .../site-packages/torchvision)

A class is known to own nothing when neither it nor a base names Parameter, register_parameter, register_buffer or a
function that does, and its first torch.nn base owns nothing either.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap

from paramcount.formats.torch import known
from paramcount.schema.registry import LAYERS, load_plugins

TARGET = Path(__file__).parents[2] / "paramcount/formats/torch/classes.txt"
PARAMETERS = {"Parameter", "register_parameter", "UninitializedParameter", "ParameterList", "ParameterDict"}
BUFFERS = {"register_buffer", "Buffer", "BufferDict"}
HOOKS = {"weight_norm", "spectral_norm", "parametrize", "register_parametrization", "remove_weight_norm"}
PLAIN = {"Module", "Sequential", "ModuleList", "ModuleDict"}
HARMLESS = {"object", "ABC", "Generic", "Protocol", "PreTrainedModel", "GenerationMixin", "BackboneMixin"}
"""Bases that own nothing. transformers.PreTrainedModel ties what `_tied_weights_keys` names, which is looked at."""
SIZES = frozenset(
    (
        *("weight", "bias", "in_features", "out_features", "in_channels", "out_channels", "kernel_size", "groups"),
        *("num_features", "affine", "track_running_stats", "normalized_shape", "elementwise_affine", "num_groups"),
        *("num_channels", "num_embeddings", "embedding_dim"),
    )
)
WORST = ("nothing", "buffers", "ties", "parameters")


@dataclass
class Source:
    """A module of a library: its classes, its functions that make parameters, and what its names mean."""

    name: str
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)  # local name -> (module, name)


class Library:
    """A library's classes, each with what it owns."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        trees = {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}
        self.makers = {name: kind for tree in trees.values() for name, kind in _makers(tree)}
        self.sources = [_source(path.stem, tree) for path, tree in trees.items()]
        self.by_name: dict[str, list[tuple[Source, ast.ClassDef]]] = defaultdict(list)
        for source in self.sources:
            for name, class_ in source.classes.items():
                self.by_name[name].append((source, class_))

    def verdicts(self) -> Iterator[tuple[str, str, str]]:
        """Yield a place, a module class, and what it owns: one of WORST, or "as X" for torch's X.

        Of namesakes that differ the worst holds for the library, and each file of theirs is told apart.
        """
        defined = {
            name: {source.name: verdict for source, node in definitions if (verdict := self.verdict(source, node, ()))}
            for name, definitions in self.by_name.items()
        }
        mixed = {file for files in defined.values() if len(set(files.values())) > 1 for file in files}
        for name, files in defined.items():
            if files:
                yield self.name, name, _worst(files.values())
            for file in mixed & files.keys():
                yield f"{self.name}/{file}", name, files[file]

    def verdict(self, source: Source, node: ast.ClassDef, above: tuple[str, ...]) -> str:
        """Return what a class owns; "" for what is no module."""
        if node.name in above:
            return "parameters"
        bases = {self._base(source, base, (*above, node.name)) for base in node.bases}
        bases.discard("")
        if not bases:
            return ""
        base = _worst(bases - {"harmless"}) if bases != {"harmless"} else "harmless"
        if base == "harmless":
            return self._direct_verdict(node) if "PreTrainedModel" in map(ast.unparse, node.bases) else ""
        direct = self._direct_verdict(node)
        if base.startswith("as "):
            return base if direct == "nothing" and not _resizes(node) else "parameters"
        if direct == "parameters" and base == "nothing" and _prints_weight(node):
            return "as RMSNorm"
        return _worst({direct, base})

    def _base(self, source: Source, base: ast.expr, above: tuple[str, ...]) -> str:
        if isinstance(base, ast.Subscript):
            base = base.value
        text = ast.unparse(base)
        owner, _, name = text.rpartition(".")
        if not owner and name in source.imports:
            owner, name = source.imports[name]
        if owner in ("nn", "torch.nn") or owner.startswith("torch.nn.modules"):
            return _of_torch(name)
        if name in HARMLESS:
            return "harmless"
        if not owner and name in source.classes and name not in above:
            return self.verdict(source, source.classes[name], above)
        inherited = {self.verdict(*definition, above) for definition in self.by_name.get(name, ())}
        return (_worst(inherited - {""}) if inherited - {""} else "") if inherited else "parameters" if owner else ""

    def _direct_verdict(self, node: ast.ClassDef) -> str:
        """Return what the body of a class may make."""
        words = set(_words(ast.Module(body=node.body, type_ignores=[])))
        made = {self.makers[word] for word in words & self.makers.keys()} | {_made(words)}
        return "ties" if "parameters" not in made and any(map(_ties, ast.walk(node))) else _worst(made)


def _made(words: Collection[str]) -> str:
    if not (PARAMETERS | HOOKS).isdisjoint(words):
        return "parameters"
    return "nothing" if BUFFERS.isdisjoint(words) else "buffers"


def _makers(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Functions outside of classes that make parameters or buffers, or put them into a module that they are given."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (made := _made(set(_words(node)))) != "nothing":
            yield node.name, made


def _of_torch(name: str) -> str:
    if name in PLAIN:
        return "nothing"
    kind = LAYERS.get(f"torch.{name}")
    if kind is None or name in known.COMPOSITES or name in ("MultiheadAttention", *known.WEIGHTED):
        return "parameters"
    return f"as {name}" if kind.signature.arguments else "nothing"


def _worst(verdicts: Iterable[str]) -> str:
    distinct = set(verdicts)
    if len(distinct) == 1:
        return distinct.pop()
    if any(verdict.startswith("as ") for verdict in distinct):
        others = {verdict for verdict in distinct if verdict.startswith("as ")}
        return others.pop() if len(others) == 1 and distinct - others <= {"nothing", "harmless"} else "parameters"
    return max(distinct, key=WORST.index)


def _source(name: str, tree: ast.Module) -> Source:
    source = Source(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            source.classes.setdefault(node.name, node)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                source.imports[alias.asname or alias.name] = (node.module or "", alias.name)
    return source


def _words(node: ast.AST) -> Iterator[str]:
    """Every name in code, annotations and isinstance apart."""
    todo = [node]
    while todo:
        at = todo.pop()
        if isinstance(at, ast.Name):
            yield at.id
        elif isinstance(at, ast.Attribute):
            yield at.attr
        if isinstance(at, ast.Call) and isinstance(at.func, ast.Name) and at.func.id == "isinstance":
            continue
        for name, value in ast.iter_fields(at):
            if name not in ("annotation", "returns"):
                todo += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]


def _ties(node: ast.AST) -> bool:
    """Code that makes one tensor or module stand in two places: `a.weight = b.weight`, `self.a.b = self.c` in a
    constructor, a class or an instance that names its tied weights, a method that ties them."""
    if isinstance(node, ast.FunctionDef):
        return node.name in ("tie_weights", "_tie_weights") or (
            node.name == "__init__" and any(map(_shares, node.body))
        )
    if not isinstance(node, ast.Assign):
        return False
    target = node.targets[0]
    if _name(target) == "_tied_weights_keys":
        return not (isinstance(node.value, ast.Constant) and node.value.value is None)
    if not isinstance(target, ast.Attribute) or target.attr not in ("weight", "bias"):
        return False
    return isinstance(target.value, ast.Attribute) or _name(node.value) in ("weight", "bias")


def _shares(statement: ast.stmt) -> bool:
    """Return whether a part of the model is put into another: `self.encoder.embed_tokens = self.shared`."""
    assigned = (node for node in ast.walk(statement) if isinstance(node, ast.Assign))
    return any(
        isinstance(target := node.targets[0], ast.Attribute)
        and isinstance(target.value, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        for node in assigned
    )


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _resizes(node: ast.ClassDef) -> bool:
    """Return whether a subclass of a torch class changes what is printed or sized after torch's own constructor."""
    for at in ast.walk(node):
        if isinstance(at, ast.Attribute) and isinstance(at.ctx, ast.Store | ast.Del) and at.attr in SIZES:
            return True
        if isinstance(at, ast.FunctionDef) and at.name in ("extra_repr", "__repr__", "_get_name"):
            return "super" not in set(_words(at))
    return False


def _prints_weight(node: ast.ClassDef) -> bool:
    """Return whether the only parameter is `weight`, and extra_repr begins with its shape."""
    made = [at for at in ast.walk(node) if isinstance(at, ast.Call) and ast.unparse(at.func).endswith("Parameter")]
    printed = next((at for at in node.body if isinstance(at, ast.FunctionDef) and at.name == "extra_repr"), None)
    if len(made) != 1 or printed is None or len(printed.body) > 2:
        return False
    assigned = any(isinstance(at, ast.Assign) and at.value is made[0] and ast.unparse(at.targets[0]) == "self.weight"
                   for at in ast.walk(node))  # fmt: skip
    others = set(_words(node)) & (BUFFERS | HOOKS | {"register_parameter"})
    return assigned and not others and ast.unparse(printed.body[-1]).startswith("return f'{tuple(self.weight.shape)}")


def _lines(verdicts: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """The table: where, a verdict, and the classes; those with parameters only where a namesake has none."""
    elsewhere: dict[str, set[str]] = defaultdict(set)
    classes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for folder, name, verdict in verdicts:
        elsewhere[name].add(verdict)
        classes[folder, verdict].append(name)
    for (folder, verdict), names in sorted(classes.items()):
        kept = [name for name in sorted(names) if verdict != "parameters" or elsewhere[name] != {"parameters"}]
        if kept:
            yield f"# {folder}: {verdict}"
            yield from wrap(" ".join(kept), 118)


def main() -> int:
    if not sys.argv[1:]:
        print("name the libraries' folders; nothing is written")
        return 0
    load_plugins()
    verdicts = [verdict for argument in sys.argv[1:] for verdict in Library(Path(argument)).verdicts()]
    TARGET.write_text("\n".join(_lines(verdicts)) + "\n")
    print(Counter((folder, verdict.partition(" ")[0]) for folder, _, verdict in verdicts if "/" not in folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
