"""The codes of errors and warnings: every one that the source names is listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import paramcount
from paramcount.model.codes import ERROR_CODES, WARNING_CODES

SOURCE = Path(paramcount.__file__).parent
ERRORS = frozenset(("InvalidDocument", "InvalidConfig", "InvalidGraph", "TooLarge", "UnknownFormat"))
CODE_POSITION = 2  # of an error's arguments: detail, pointer, code
BUILT_BY_PARTS = "hidden_"  # hidden_parameters, hidden_buffers


def codes(error: bool) -> Iterator[tuple[str, str]]:
    """Yield the codes that the source gives to errors, or to warnings, each with its position."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            stated: list[ast.expr] = []
            if error:
                stated += node.args[CODE_POSITION : CODE_POSITION + 1] if name in ERRORS else []
                stated += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            elif name in ("ReportWarning", "_note"):
                stated += node.args[:1]
            for expression in stated:
                for part in ast.walk(expression):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
                        yield part.value, f"{path.name}:{node.lineno}"


def test_every_code_of_an_error_is_listed() -> None:
    assert {code: position for code, position in codes(error=True) if code not in ERROR_CODES} == {}


def test_every_code_of_a_warning_is_listed() -> None:
    missing = {
        code: position for code, position in codes(error=False) if code not in (*WARNING_CODES, BUILT_BY_PARTS, "_")
    }
    assert missing == {}


def test_codes_fit_an_address() -> None:
    assert all(code.replace("_", "").isalnum() for code in (*ERROR_CODES, *WARNING_CODES))
