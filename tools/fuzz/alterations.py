"""Good documents made bad: JSON, text and bytes, each changed in a few places.

The caller says how one of several is chosen: `Random(seed).choice` for a stream, a draw of Hypothesis in a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Pick(Protocol):
    """Chooses one of several."""

    def __call__(self, items: Sequence[T], /) -> T:
        """Return one of the items."""


def pick_from(draw: st.DrawFn) -> Pick:
    """Let Hypothesis choose, so that it can shrink what was chosen."""

    def pick(items: Sequence[T], /) -> T:
        return draw(st.sampled_from(items))

    return pick


class Raw(str):
    """Text that is written into JSON as it is, whether or not JSON has it."""

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
_NAMES = (
    "type", "name", "layers", "units", "config", "class_name", "shape", "dtype", "repeat", "inputs", "shares",
    "trainable", "input_shape", "inbound_nodes", "layer", "cell", "data_offsets", "parameters", "tied", "architectures",
    "model_type", "num_hidden_layers", "", "\x00", "$ref", "__class__", "x" * 2000,
)  # fmt: skip


def encode_json(value: Any) -> bytes:
    """JSON, with what is Raw as it is."""
    if not isinstance(value, dict | list):
        return (str(value) if isinstance(value, Raw) else json.dumps(value)).encode("utf-8", "surrogatepass")
    raws: list[str] = []
    text = json.dumps(_mark(value, raws))
    for index, raw in enumerate(raws):
        text = text.replace(f'"@raw{index}@"', raw)
    return text.encode("utf-8", "surrogatepass")


def _mark(value: Any, raws: list[str]) -> Any:
    if isinstance(value, Raw):
        raws.append(str(value))
        return f"@raw{len(raws) - 1}@"
    if isinstance(value, list):
        return [_mark(item, raws) for item in value]
    if isinstance(value, dict):
        return {name: _mark(item, raws) for name, item in value.items()}
    return value


def alter_json(pick: Pick, good: Any) -> Any:
    """A copy of `good` that differs in one to three places."""
    holder = [deepcopy(good)]
    for _ in range(pick((1, 1, 1, 2, 3))):
        container, key = pick(list(_members(holder)))
        _change(pick, container, key)
    return holder[0] if holder else None


def _members(container: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        yield container, key
        if isinstance(value, dict | list):
            yield from _members(value)


def _change(pick: Pick, container: Any, key: Any) -> None:
    value = container[key]
    how = pick(("replace", "replace", "replace", "remove", "rename", "wrap", "repeat", "add", "key"))
    if how == "remove" and len(container) > 1:
        del container[key]
    elif how == "rename" and isinstance(container, dict):
        container[pick(_NAMES)] = container.pop(key)
    elif how == "wrap":
        container[key] = pick(([value], {"a": value}, [[value, value]]))
    elif how == "repeat" and isinstance(value, list):
        container[key] = value * pick((0, 2, 50))
    elif how == "add" and isinstance(value, dict):
        value[pick(_NAMES)] = deepcopy(pick(_SCALARS))
    elif how == "add" and isinstance(value, list):
        value.insert(pick(range(len(value) + 1)), deepcopy(pick(_SCALARS)))
    elif how == "key" and isinstance(value, int) and not isinstance(value, bool):
        container[key] = pick((-value, value * 2**32, value + 0.5, str(value), 10**12))
    else:
        container[key] = deepcopy(pick(_SCALARS))


def alter_text(pick: Pick, good: str) -> str:
    """A copy of a text with lines lost, doubled, cut, moved or made endless."""
    lines = good.split("\n")
    for _ in range(pick((1, 1, 2, 5))):
        at = pick(range(len(lines)))
        line = lines[at]
        lines[at : at + 1] = pick(
            (
                [], [line, line], [line[: pick(range(len(line) + 1))]], [line + ")"], ["(" + line], [line + "..."],
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


def alter_bytes(pick: Pick, good: bytes) -> bytes:
    """A copy of some bytes, cut, turned, or with a length that lies."""
    changed = bytearray(good)
    for _ in range(pick((1, 1, 2, 8))):
        at = pick(range(max(1, len(changed))))
        how = pick(("cut", "turn", "lie", "lie", "more", "double", "varint"))
        if how == "cut":
            del changed[at:]
        elif how == "turn" and changed:
            changed[at] ^= 1 << pick(range(8))
        elif how == "lie":
            lie = pick((0, 1, 2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1))
            width = pick((4, 8))
            at = at // 4 * 4
            changed[at : at + width] = (lie % 256**width).to_bytes(width, "little")
        elif how == "more":
            changed += bytes(pick((1, 4096)))
        elif how == "double":
            changed += changed[at:]
        else:
            changed[at:at] = b"\xff" * pick((9, 10, 11)) + b"\x01"
    return bytes(changed[: 2**20])


@st.composite
def altered_bytes(draw: st.DrawFn, good: bytes) -> bytes:
    """Draw some bytes that were good."""
    return alter_bytes(pick_from(draw), good)


def nest(pick: Pick) -> bytes:
    """Containers inside each other, hundreds to millions of them, whole or not."""
    depth = pick((90, 130, 200, 254, 300, 1000, 1025, 20_000, 1_000_000))
    before, after = pick(
        (
            ("[", "]"), ('{"a":', "}"), ('{"type":"Block","layers":[', "]}"), ('{"architecture":', "}"),
            ('{"class_name":"Sequential","config":{"layers":[', "]}}"),
            ('{"type":"TimeDistributed","layer":', "}"),
            ('{"class_name":"TimeDistributed","config":{"layer":', "}}"),
            ('{"class_name":"Bidirectional","config":{"layer":', "}}"),
            ('{"text_config":', "}"), ('{"shards":{"a":', "}}"),
        )
    )  # fmt: skip
    outer = pick(("%s", '{"framework":"keras","input_shape":[3],"layers":[%s]}'))
    inner = pick(("1", "[]", "{}", "", '{"type":"Dense","units":1}'))
    whole = pick(range(5)) > 0
    depth = min(depth, 8_000_000 // len(before + after))
    return (outer % (before * depth + inner + after * depth * whole)).encode()
