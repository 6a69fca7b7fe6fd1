"""Reports that are hard to show: large, deep, and with names that are no names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import detect, read
from paramcount.model.report import Report

EXAMPLES = Path(__file__).parents[2] / "examples"

NAMES = (
    "שכבה_צפופה",
    "العصبية",
    "👨‍👩‍👧‍👦",
    "漢字かな交じり文",
    "e\u0301accent",
    "a" * 200,
    "漢" * 200,
    "evil\u202egnp.exe",
    "bell\u0007\u001b[31m\r\nred\u0085\u2028",
    "\ufffe\uffff\ufdd0",
    "=cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(A1)",
    "＝1+1",
    "\t=1",
    "pipe|back`tick``\\",
    "]]><script>alert('&\"')</script><!--",
    "https://example.com/ *a* _b_ [c](d)",
)


def report(payload: Any, *rules: tuple[str, bool], **options: Any) -> Report:
    counting = Options(rules=tuple(Rule(*rule) for rule in rules), **options)
    return count(read(payload, detect(payload)), counting)


def dense(name: str, units: int = 3, **members: Any) -> dict[str, Any]:
    return {"type": "Dense", "name": name, "units": units, **members}


def model(*layers: Any, name: str = "model") -> dict[str, Any]:
    return {"framework": "keras", "name": name, "input_shape": [3], "layers": list(layers)}


def with_difficult_names() -> Report:
    """A layer of the same size for every difficult name."""
    return report(model(*(dense(name) for name in NAMES), name="".join(NAMES)))


def deep(levels: int) -> Report:
    node = {"type": "Block", "name": f"level{levels}", "layers": [dense("own")]}
    for level in range(levels - 1, 0, -1):
        node = {"type": "Block", "name": f"level{level}", "layers": [dense("own"), node]}
    return report(model(node))


def wide(layers: int) -> Report:
    return report({"parameters": {f"layer_{index}.weight": {"shape": [100]} for index in range(layers)}})


def keras_resnet(*rules: tuple[str, bool]) -> Report:
    return report(json.loads((EXAMPLES / "resnet50-keras.json").read_text()), *rules)


ALL: dict[str, Report] = {
    "one": report(model(dense("only"))),
    "nothing": report(model({"type": "Activation", "activation": "relu"})),
    "odd": with_difficult_names(),
    "deep": deep(95),
    "wide": wide(3000),
    "frozen": keras_resnet(("*", False), ("predictions", True)),
    "inexact": report(model(dense("a"), {"type": "Mystery", "name": "m"}), unknown="report"),
    "own": report({"parameters": {"scale": {"shape": [7]}, "a.weight": {"shape": [3]}, "a.b.weight": {"shape": [2]}}}),
    "tied": report(model(dense("a"), dense("b", shares="a"))),
    "large": report({"parameters": {"a": {"shape": [999_999_999]}, "b": {"shape": [1]}}}, ("b", False)),
    "root only": report({"parameters": {"scale": {"shape": [7], "requires_grad": False}}}),
}
