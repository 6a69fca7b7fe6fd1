"""Writes paramcount/formats/torch/classes.txt: what the source of libraries proves of their modules.

    python -m tools.oracle.torch_classes FOLDER ...    (each holds a library's package: .../site-packages/torchvision)

A class is known to own nothing when neither it nor a base names Parameter, register_parameter, register_buffer or a
function that does, and its first torch.nn base owns nothing either.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from paramcount.formats.torch import known
from paramcount.schema.registry import LAYERS, load_plugins
from tools.oracle.torch_sources import Definition, Source, read_source
from tools.oracle.torch_structure import Structure, StructureReader, list_called
from tools.oracle.torch_values import NO_CLASS

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
OF_TORCH = PLAIN | known.COMPOSITES
"""Classes of torch.nn that have no formula, or one of their own."""
NO_PART = {"demos", "examples", "tests", "testing"}
"""Folders whose classes are not a library's own."""
WORST = ("nothing", "buffers", "ties", "parameters")


class Row(NamedTuple):
    """A class of a library, or of one of its files: what it owns, as WORST or "as X" says, and its structure."""

    path: str
    name: str
    verdict: str
    structure: str


class Library:
    """A library's classes, each with what it owns and what it builds."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        trees = {path: ast.parse(path.read_text()) for path in _files(folder)}
        self.makers = {name: kind for tree in trees.values() for name, kind in _makers(tree)}
        self.called = {name for tree in trees.values() for name in list_called(tree)}
        self.sources = [read_source(path.relative_to(folder), tree) for path, tree in trees.items()]
        self.by_name: dict[str, list[Definition]] = defaultdict(list)
        self.aliases: dict[str, tuple[Source, str]] = {}
        self.functions: dict[str, list[tuple[Source, ast.FunctionDef]]] = defaultdict(list)
        for source in self.sources:
            for name, class_ in source.classes.items():
                self.by_name[name].append((source, class_))
            for name, class_name in source.aliases.items():
                self.aliases.setdefault(name, (source, class_name))
            for name, function_ in source.functions.items():
                self.functions[name].append((source, function_))
        self.aliases = {name: one for name, one in self.aliases.items() if one[1] in self.by_name}
        self._structures = StructureReader(self)
        self._modules: dict[ast.ClassDef, bool] = {}
        self._verdicts: dict[ast.ClassDef, str] = {}

    def rows(self) -> Iterator[Row]:
        """Yield what is known of each module class, of each file where namesakes differ."""
        defined: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        for name, definitions in self.by_name.items():
            for source, node in definitions:
                if verdict := self._known(source, node):
                    defined[name][source.file] = verdict
        mixed = {file for files in defined.values() if len(set(files.values())) > 1 for file in files}
        for name, files in defined.items():
            for path, facts in {
                (f"{self.name}/{file}" if file in mixed else self.name): files[file] for file in files
            }.items():
                yield Row(path, name, *facts)

    def _known(self, source: Source, node: ast.ClassDef) -> tuple[str, str] | None:
        """Return what a module class owns, and its structure; None for another class."""
        structure = self._structures.structure(source, node)
        if self.name == "torch":
            return ("nothing", str(structure)) if node.name in known.COMPOSITES - known.HOLDERS else None
        verdict = self.verdict(source, node, ())
        if not verdict:
            return None
        if not structure.readable and structure.children:
            if verdict != "nothing" or not self._hides_nothing(source, node, ()):
                return "parameters", "(*)"
            structure = Structure(arguments={"*"})
        return verdict, str(structure)

    def _hides_nothing(self, source: Source, node: ast.ClassDef, above: tuple[ast.ClassDef, ...]) -> bool:
        """Return whether neither a class nor what it builds has tensors."""
        if node in above or self.verdict(source, node, ()) != "nothing":
            return False
        kinds = {kind for kinds in self._structures.structure(source, node).children.values() for kind in kinds}
        names = {name for kind in kinds - {""} for name in re.findall(r"[^\[\],]+", kind)}
        return all(
            _of_torch(name) == "nothing"
            or (name in self.by_name and all(self._hides_nothing(*one, (*above, node)) for one in self.by_name[name]))
            for name in names
        )

    def class_of(self, scope: Source, expression: ast.expr) -> str:
        """Return the module class that an expression names, NO_CLASS for another class, or ''."""
        owner, name = scope.resolve(expression)
        if _is_nn(owner):
            return name if name in OF_TORCH | PARAMETERS | BUFFERS or f"torch.{name}" in LAYERS else ""
        definitions = self.by_name.get(name, ())
        near = [one for one in definitions if one[0] is scope or one[0].name == owner.rpartition(".")[2]]
        if name in self.aliases and not near:
            name = self.aliases[name][1]
            definitions = self.by_name[name]
        if any(self._is_module(*definition) for definition in near or definitions):
            return name
        return NO_CLASS if definitions else ""

    def _is_module(self, source: Source, node: ast.ClassDef) -> bool:
        if node not in self._modules:
            self._modules[node] = self.name == "torch"
            self._modules[node] |= any(
                base in OF_TORCH or f"torch.{base}" in LAYERS if isinstance(base, str) else self._is_module(*base)
                for base in self.bases(source, node)
            )
        return self._modules[node]

    def bases(self, scope: Source, node: ast.ClassDef) -> Iterator[Definition | str]:
        """Yield a class's bases: definitions of the library, or names of torch's."""
        for base in node.bases:
            owner, name = scope.resolve(base.value if isinstance(base, ast.Subscript) else base)
            if _is_nn(owner) or (self.name == "torch" and name == "Module"):
                yield name
            elif name in HARMLESS:
                yield from ["Module"] if name == "PreTrainedModel" else []
            elif not owner and name in scope.classes and scope.classes[name] is not node:
                yield scope, scope.classes[name]
            elif definitions := [one for one in self.by_name.get(name, ()) if one[1] is not node]:
                yield next((one for one in definitions if one[0].name == owner.rpartition(".")[2]), definitions[0])

    def function(self, scope: Source, name: str) -> tuple[Source, ast.FunctionDef] | None:
        """Return the function that a file calls by a name, if one function of the library bears it."""
        if name in scope.functions:
            return scope, scope.functions[name]
        _, name = scope.imports.get(name, ("", name))
        functions = self.functions.get(name, ())
        return functions[0] if len(functions) == 1 else None

    def verdict(self, source: Source, node: ast.ClassDef, above: tuple[str, ...]) -> str:
        """Return what a class owns; "" for what is no module."""
        if node.name in above:
            return "parameters"
        if node not in self._verdicts:
            self._verdicts[node] = self._judge(source, node, above)
        return self._verdicts[node]

    def _judge(self, source: Source, node: ast.ClassDef, above: tuple[str, ...]) -> str:
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


def _files(folder: Path) -> list[Path]:
    """List a library's sources, without its demonstrations and tests; of torch, those of its composed modules."""
    if folder.name == "torch":
        modules = [*(folder / "nn/modules").glob("*.py"), folder / "ao/nn/quantized/modules/functional_modules.py"]
        return sorted([*modules, folder / "ao/quantization/stubs.py"])
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if NO_PART.isdisjoint(path.relative_to(folder).parts) and not path.name.startswith("modular_")
    ]


def _is_nn(owner: str) -> bool:
    return owner in ("nn", "torch.nn") or owner.startswith("torch.nn.modules")


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


def _lines(rows: Iterable[Row]) -> Iterator[str]:
    """The table: where and a verdict, then the classes of each structure.

    Classes with parameters are told only where a namesake has none.
    """
    elsewhere: dict[str, set[str]] = defaultdict(set)
    classes: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        elsewhere[row.name].add(row.verdict)
        classes[row.path, row.verdict][row.structure].append(row.name)
    for (path, verdict), structures in sorted(classes.items()):
        lines = []
        for structure, names in structures.items():
            kept = [name for name in sorted(names) if verdict != "parameters" or elsewhere[name] != {"parameters"}]
            if kept:
                lines += wrap(
                    f"{' '.join(kept)}: {structure}",
                    118,
                    subsequent_indent="  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        if lines:
            yield f"# {path}: {verdict}"
            yield from lines


def main() -> int:
    if not sys.argv[1:]:
        print("name the libraries' folders; nothing is written")
        return 0
    load_plugins()
    rows = [row for argument in sys.argv[1:] for row in Library(Path(argument)).rows()]
    TARGET.write_text("\n".join(_lines(rows)) + "\n")
    print(Counter((row.path.partition("/")[0], row.verdict.partition(" ")[0]) for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
