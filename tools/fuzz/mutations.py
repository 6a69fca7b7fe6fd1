"""Good things made bad: JSON, text and bytes, each changed in a few places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any


class Raw(str):
    """What stands in JSON as it is, whether or not JSON has it."""

    __slots__ = ()


_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**40, 2**40 + 1, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30,
    0.0, -0.0, 1.0, 0.5, 1e308, -1e-308, "", " ", "0", "null", "a.b", "*", "\x00", "\x1b[31m", "\u202e", "é",
    "\U0001f600", "x" * 1001, "0-99999999999", "__proto__", "../..", "${jndi:x}", "<script>", "=1+1", "|", "\r\n", "~1",
    "%s%n", [], {}, [[]], {"": {}}, [None], [0] * 40, {"type": "Dense"}, {"__float__": "x"},
    {"class_name": "Dense", "config": {}},
    Raw("NaN"), Raw("-Infinity"), Raw("1e400"), Raw("1E+999999999"), Raw("-0"), Raw("01"), Raw("1."), Raw("9" * 5000),
    Raw("0." + "1" * 5000), Raw('"\\ud800"'), Raw('"\\udc00\\ud800"'), Raw('"\\u0000"'), Raw('"\t"'), Raw("'a'"),
    Raw("tru"), Raw(""), Raw("[1,]"), Raw('{"a":1,"a":2}'), Raw('{"a":1,}'), Raw("/**/1"), Raw('"\\x"'), Raw('"\xff"'),
)  # fmt: skip
_MEMBERS = (
    "type", "name", "layers", "units", "config", "class_name", "shape", "dtype", "repeat", "inputs", "shares",
    "trainable", "input_shape", "inbound_nodes", "layer", "cell", "data_offsets", "parameters", "tied", "architectures",
    "model_type", "num_hidden_layers", "", "\x00", "$ref", "__class__", "x" * 2000,
)  # fmt: skip


def written(value: Any) -> bytes:
    """JSON, with what is Raw as it is."""
    if not isinstance(value, dict | list):
        return (str(value) if isinstance(value, Raw) else json.dumps(value)).encode("utf-8", "surrogatepass")
    raws: list[str] = []
    text = json.dumps(_marked(value, raws))
    for index, raw in enumerate(raws):
        text = text.replace(f'"@raw{index}@"', raw)
    return text.encode("utf-8", "surrogatepass")


def _marked(value: Any, raws: list[str]) -> Any:
    if isinstance(value, Raw):
        raws.append(str(value))
        return f"@raw{len(raws) - 1}@"
    if isinstance(value, list):
        return [_marked(item, raws) for item in value]
    if isinstance(value, dict):
        return {name: _marked(item, raws) for name, item in value.items()}
    return value


def mutated_json(random: Random, good: Any) -> Any:
    """A copy of `good` that differs in one to three places."""
    holder = [deepcopy(good)]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        container, key = random.choice(list(_places(holder)))
        _change(random, container, key)
    return holder[0] if holder else None


def _places(container: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        yield container, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _change(random: Random, container: Any, key: Any) -> None:
    value = container[key]
    how = random.choice(("replace", "replace", "replace", "remove", "rename", "wrap", "repeat", "add", "key"))
    if how == "remove" and len(container) > 1:
        del container[key]
    elif how == "rename" and isinstance(container, dict):
        container[random.choice(_MEMBERS)] = container.pop(key)
    elif how == "wrap":
        container[key] = random.choice(([value], {"a": value}, [[value, value]]))
    elif how == "repeat" and isinstance(value, list):
        container[key] = value * random.choice((0, 2, 50))
    elif how == "add" and isinstance(value, dict):
        value[random.choice(_MEMBERS)] = random.choice(_SCALARS)
    elif how == "add" and isinstance(value, list):
        value.insert(random.randint(0, len(value)), random.choice(_SCALARS))
    elif how == "key" and isinstance(value, int) and not isinstance(value, bool):
        container[key] = random.choice((-value, value * 2**32, value + 0.5, str(value), 10**12))
    else:
        container[key] = random.choice(_SCALARS)


def mutated_text(random: Random, good: str) -> str:
    """A copy of a text with lines lost, doubled, cut, moved or made endless."""
    lines = good.split("\n")
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(lines))
        line = lines[at]
        lines[at : at + 1] = random.choice(
            (
                [], [line, line], [line[: random.randint(0, len(line))]], [line + ")"], ["(" + line], [line + "..."],
                [line * 50], ["  (a): " + "Linear(" * 200], [line.replace("(0)", "(0-999999999999999999)")],
                [f"  (0-11): {10**17} x Linear(in_features=8, out_features=8, bias=True)"],
                ["  (x): Linear(in_features=" + "9" * 4000 + ", out_features=1, bias=True)"],
                ["  (x): Conv2d(1, 1, kernel_size=(" + "1, " * 500 + "))"], ["\x1b[31m" * 500 + line],
                [" " * 5000 + line], ["\t" * 3000 + line], [line + "\x00\u2028\u202e"],
                ["  (%s): ReLU()" % ("a." * 900)],
                ["  (w): Parameter containing: [torch.float32 of size " + "9x" * 300 + "9]"],
                ["2026-01-01 INFO " + line],
            )
        )  # fmt: skip
    return "\n".join(lines)


def mutated_bytes(random: Random, good: bytes) -> bytes:
    """A copy of some bytes, cut, turned, or with a length that lies."""
    found = bytearray(good)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(max(1, len(found)))
        how = random.choice(("cut", "turn", "lie", "lie", "more", "double", "varint"))
        if how == "cut":
            del found[at:]
        elif how == "turn" and found:
            found[at] ^= 1 << random.randrange(8)
        elif how == "lie":
            lie = random.choice((0, 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1))
            width = random.choice((4, 8))
            at = at // 4 * 4
            found[at : at + width] = (lie % 256**width).to_bytes(width, "little")
        elif how == "more":
            found += bytes(random.choice((1, 4096)))
        elif how == "double":
            found += found[at:]
        else:
            found[at:at] = b"\xff" * random.choice((9, 10, 11)) + b"\x01"
    return bytes(found[: 2**20])


def nested(random: Random) -> bytes:
    """Containers inside each other, hundreds to millions of them, whole or not."""
    depth = random.choice((90, 130, 200, 254, 300, 1000, 1025, 20_000, 1_000_000))
    before, after = random.choice(
        (
            ("[", "]"), ('{"a":', "}"), ('{"type":"Block","layers":[', "]}"), ('{"architecture":', "}"),
            ('{"class_name":"Sequential","config":{"layers":[', "]}}"),
            ('{"type":"TimeDistributed","layer":', "}"),
            ('{"class_name":"TimeDistributed","config":{"layer":', "}}"),
            ('{"class_name":"Bidirectional","config":{"layer":', "}}"),
            ('{"text_config":', "}"), ('{"shards":{"a":', "}}"),
        )
    )  # fmt: skip
    outer = random.choice(("%s", '{"framework":"keras","input_shape":[3],"layers":[%s]}'))
    inner = random.choice(("1", "[]", "{}", "", '{"type":"Dense","units":1}'))
    whole = random.random() < 0.8
    depth = min(depth, 8_000_000 // len(before + after))
    return (outer % (before * depth + inner + after * depth * whole)).encode()
