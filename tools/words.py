"""Words that no name or docstring may hold: `python -m tools.words` lists them, `--count` sums them up by folder.

docs/glossary.md has the words to use. Names are those of modules, functions, classes, arguments, variables and
attributes, where they are defined; CamelCase and snake_case are read word by word. A docstring is checked by its first
word: it begins with a verb or a noun, not with a question.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDERS = ("paramcount", "service", "tools", "tests", "benchmarks", "examples")

INSTEAD = {
    "alike": "equal, same, or a cache_key",
    "apart": "differs, separate",
    "asked": "request, options, arguments, query",
    "asking": "request, options",
    "beneath": "children, nested, inner",
    "blame": "add_problem",
    "blind": "ignores_...",
    "complain": "print_error",
    "echoes": "restated_...",
    "enough": "is_complete, only_required, StopCounting",
    "essence": "cache_key, fingerprint",
    "fate": "FreezeStatus, trainability",
    "fates": "FreezeStatus, trainability",
    "found": "the thing that it holds: report, match, tensors",
    "given": "the thing that it holds: config, options, stated",
    "hole": "placeholder",
    "holes": "placeholders",
    "itself": "current_...",
    "likeness": "MatchLevel",
    "met": "seen, Doorkeeper",
    "odd": "unusual, or what is wrong with it",
    "ours": "settings, formula, paramcount",
    "own": "direct, local, of this layer",
    "place": "path, position, pointer, folder",
    "places": "paths, positions, folders",
    "recall": "get",
    "reckoned": "computed",
    "said": "stated, log, text",
    "says": "states",
    "settle": "summarize, decide, resolve",
    "settled": "summary",
    "settling": "summary",
    "spot": "position, BlockContext",
    "stands": "the verb of what it does",
    "tell": "print, report, describe",
    "tells": "states, describes",
    "theirs": "framework, expected, real",
    "told": "problems, detail, text, described",
    "trouble": "CommandError, problem",
    "unlike": "differs, underived",
    "whoever": "client, reader, user",
}
"""Refused as a name and as a part of one, with what to write instead."""

FUNCTIONS = {
    "answered": "answer, respond, to_json",
    "applied": "apply, evaluate",
    "bounded": "check_..., limit",
    "chosen": "choose",
    "counted": "count",
    "counting": "count, count_options",
    "parsed": "parse",
    "rendered": "render",
    "written": "write",
}
"""Refused as the first word of a function: a function is a verb."""

BOUNDS = re.compile(r"_*(MOST|LONGEST|DEEPEST|LARGEST)_")
"""Refused as the beginning of a constant: a bound is MAX_..._UNIT."""

_PARTICIPLE = re.compile(r"_*[a-z]{2,}ed")
_VERBS = frozenset(("embed", "feed", "need", "proceed", "seed", "shed", "speed"))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


_QUESTION = re.compile(r"(How|What|When|Where|Whether|Which|Who)\b")


class Name(NamedTuple):
    """A name where it is defined."""

    text: str
    line: int
    is_function: bool = False


class Violation(NamedTuple):
    """A name or a docstring that is refused, and what to write instead."""

    path: Path
    name: Name
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.name.line}: {self.name.text}: {self.instead}"


def check_name(name: Name) -> str:
    """Return what to write instead of a name, or '' where it may stay."""
    words = [word.lower() for word in _WORD.findall(name.text)]
    for word in words:
        if word in INSTEAD:
            return f'not "{word}", but {INSTEAD[word]}'
    if BOUNDS.match(name.text):
        return "a bound is MAX_..._UNIT"
    if name.is_function and words and words[0] in FUNCTIONS:
        return f'not "{words[0]}", but {FUNCTIONS[words[0]]}'
    if name.is_function and _PARTICIPLE.fullmatch(name.text) and words[0] not in _VERBS:
        return "a function is a verb, not a participle"
    return ""


def list_names(tree: ast.AST) -> Iterator[Name]:
    """Yield every name that a module defines."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Name(node.name, node.lineno, not node.decorator_list)  # decorated: a property, a formula, a case
            case ast.ClassDef():
                yield Name(node.name, node.lineno)
            case ast.arg():
                yield Name(node.arg, node.lineno)
            case ast.Name(ctx=ast.Store()):
                yield Name(node.id, node.lineno)
            case ast.Attribute(ctx=ast.Store()):
                yield Name(node.attr, node.lineno)
            case ast.alias(asname=str(alias)):
                yield Name(alias, node.lineno)
            case ast.ExceptHandler(name=str(error)) | ast.MatchAs(name=str(error)) | ast.MatchStar(name=str(error)):
                yield Name(error, node.lineno)


def list_questions(tree: ast.AST) -> Iterator[Name]:
    """Yield the docstrings that begin with a question word; a string after a constant is one too."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))) if _QUESTION.match(text):
                yield Name(text.partition("\n")[0], node.lineno)


def check_folder(folder: Path) -> Iterator[Violation]:
    """Yield the violations in the Python files of a folder and of those in it."""
    for path in sorted(folder.rglob("*.py")):
        module = Name(path.stem if path.stem != "__init__" else path.parent.name, 1)
        tree = ast.parse(path.read_text())
        for name in (module, *list_names(tree)):
            if instead := check_name(name):
                yield Violation(path.relative_to(ROOT), name, instead)
        for docstring in list_questions(tree):
            yield Violation(path.relative_to(ROOT), docstring, "a docstring begins with a verb or a noun")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the violations, or how many a folder has; return 1 where there are any."""
    parser = argparse.ArgumentParser("python -m tools.words", description=__doc__)
    parser.add_argument("folders", nargs="*", default=FOLDERS, help="default: all")
    parser.add_argument("--count", action="store_true", help="print the number for each folder only")
    options = parser.parse_args(arguments)
    violations = [violation for folder in options.folders for violation in check_folder(ROOT / folder)]
    if options.count:
        folders = Counter("/".join(violation.path.parts[:2]) for violation in violations)
        sys.stdout.write("".join(f"{number:5} {folder}\n" for folder, number in sorted(folders.items())))
    else:
        sys.stdout.write("".join(f"{violation}\n" for violation in violations))
    sys.stdout.write(
        f"{len(violations)} names or docstrings hold a word that is not to be used\n" if violations else ""
    )
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
