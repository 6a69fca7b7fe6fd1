"""safetensors: headers as JSON, as bytes and of several shards; invalid files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.safetensors import header as headers
from paramcount.formats.safetensors import problems as header_problems
from paramcount.formats.safetensors.header import decode_file, parse_valid
from paramcount.formats.safetensors.problems import explain
from paramcount.model.errors import Incomplete, Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.safetensors import header, in_bytes


def count_document(payload: Any) -> Report:
    return count(read(payload, FORMATS["safetensors"]))


def entry(dtype: Any = "F32", shape: Any = (2,), start: Any = 0, end: Any = 8) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape if isinstance(shape, str) else list(shape), "data_offsets": [start, end]}


def totals(report: Report) -> tuple[int, int, int, int]:
    sums = report.root.totals
    return sums.trainable, sums.frozen, sums.buffers, sums.bytes + sums.buffer_bytes


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({}, (0, 0, 0, 0)),
        (header(w="F32 2x3"), (6, 0, 0, 24)),
        (header(w="BF16 "), (1, 0, 0, 2)),
        (header(w="F16 0x7"), (0, 0, 0, 0)),
        (header(w="F4 4x6"), (24, 0, 0, 12)),
        (header(w="F6_E2M3 4x2"), (8, 0, 0, 6)),
        (header(w="F8_E4M3FNUZ 5"), (5, 0, 0, 5)),
        (header(w="C64 5"), (5, 0, 0, 40)),
        ({"__metadata__": {"format": "pt"}, **header(w="F32 2")}, (2, 0, 0, 8)),
        ({"__metadata__": None, **header(w="F32 2")}, (2, 0, 0, 8)),
        (header(bn__running_mean="F32 4", bn__weight="F32 4", bn__num_batches_tracked="I64 "), (4, 0, 5, 40)),
        (header(ids="I64 1x512", mask="BOOL 3"), (0, 0, 515, 4099)),
        # A tensor may be called as a member of the other forms is.
        (header(header="F32 2", config="F32 3"), (5, 0, 0, 20)),
        (header(shards="F32 2"), (2, 0, 0, 8)),
        ({"header": header(w="F32 2")}, (2, 0, 0, 8)),
        ({"header": header(w="F32 2"), "config": {"model_type": "bert"}}, (2, 0, 0, 8)),
        ({"shards": {"a.safetensors": header(v="F32 2"), "b.safetensors": header(w="F32 3")}}, (5, 0, 0, 20)),
        # Names that are left out, since they are another tensor (safetensors.torch.save_model).
        ({"__metadata__": {"head.w": "embed.w"}, **header(embed__w="F32 2")}, (2, 0, 0, 8)),
        # In any order.
        ({"b": entry(start=8, end=16), "a": entry(start=0, end=8)}, (4, 0, 0, 16)),
        ({"b": entry(start=8, end=16), "z": entry("F32", (0,), 8, 8), "a": entry(start=0, end=8)}, (4, 0, 0, 16)),
    ],
)
def test_totals(payload: Any, expected: tuple[int, int, int, int]) -> None:
    report = count_document(payload)
    assert (totals(report), report.convention, report.exact) == (expected, "stored", True)
    if "header" not in payload and "shards" not in payload:
        assert totals(count_document(in_bytes(payload))) == expected
        size = max((entry["data_offsets"][1] for name, entry in payload.items() if name != "__metadata__"), default=0)
        assert totals(count_document(in_bytes(payload, data=bytes(size)))) == expected


def test_an_alias_is_listed_and_not_counted() -> None:
    payload = {"__metadata__": {"head.w": "embed.w", "format": "pt"}, **header(embed__w="F32 2")}
    embed, head = count_document(payload).root.children
    assert (embed.totals.trainable, head.totals.trainable, head.tensors[0].tied_to) == (2, 0, "embed.w")


@pytest.mark.parametrize(
    ("payload", "pointer", "detail"),
    [
        ([], "", "is empty"),
        (dict.fromkeys(map(str, range(250_001)), 1), "", "250,000 are the most"),
        ("text", "", "must be"),
        ({"w": 1}, "/w", "must be an object"),
        ({"w": None}, "/w", "must be an object"),
        ({"w": {}}, "/w/dtype", "required"),
        ({"w": {"dtype": "F32", "shape": [], "data_offsets": [0]}}, "/w/data_offsets", "two integers"),
        ({"w": {"dtype": "F32", "shape": [], "data_offsets": 4}}, "/w/data_offsets", "two integers"),
        ({"w": entry("F33")}, "/w/dtype", 'did you mean "F32"?'),
        ({"w": entry("Q4_K", (256,), 0, 144)}, "/w/dtype", "no known dtype"),
        ({"w": entry("I4")}, "/w/dtype", "no known dtype"),
        ({"w": entry(32)}, "/w/dtype", "must be the name"),
        ({"w": entry(["F32"])}, "/w/dtype", "must be the name"),
        ({"w": entry(shape=(-2,))}, "/w/shape", "from 0"),
        ({"w": entry(shape="2")}, "/w/shape", "a list of integers"),
        ({"w": entry(shape=(2.0,))}, "/w/shape", "integers, not 2.0"),
        ({"w": entry(shape=(True, True))}, "/w/shape", "integers, not true"),
        ({"w": entry(shape=(2**63,))}, "/w/shape", "from 0"),
        ({"w": entry(shape=[2**40] * 1000)}, "/w/shape", "at most 64 axes"),
        ({"w": entry(start=-8, end=0)}, "/w/data_offsets", "a start and an end"),
        ({"w": entry(start=8, end=0)}, "/w/data_offsets", "a start and an end"),
        ({"w": entry(start=0.0, end=8)}, "/w/data_offsets", "a start and an end"),
        ({"w": entry(end=2**64)}, "/w/data_offsets", "a start and an end"),
        ({"w": entry(end=7)}, "/w", "takes 8 bytes"),
        ({"w": entry("F4", (3,), 0, 1)}, "/w", "takes 12 bits"),
        ({"w": entry(start=8, end=16)}, "/w/data_offsets", "leaves a gap"),
        ({"a": entry(), "b": entry(start=12, end=20)}, "/b/data_offsets", "leaves a gap"),
        ({"a": entry(), "b": entry(start=4, end=12)}, "/b/data_offsets", "overlaps"),
        ({"a": entry(), "b": entry()}, "/b/data_offsets", "overlaps"),
        ({"__metadata__": []}, "/__metadata__", "must be an object"),
        ({"__metadata__": {"format": 1}}, "/__metadata__/format", "must be a string"),
        ({"w": entry("F32", (2**40, 2**40), 0, 2**82)}, "/w/data_offsets", "a start and an end"),
        ({"w": {"dtype": "F32", "data_offsets": [0, 4], "size": []}}, "/w/shape", "required"),
        ({"w": {"dtype": "F32", "shape": None, "data_offsets": [0, 4]}}, "/w/shape", "a list of integers"),
        ({"w": {"dtype": "F32", "shape": [0], "offsets": [0, 0]}}, "/w/data_offsets", "required"),
        ({"header": {}, "shards": {}}, "/header", "one of them"),
        ({"header": {}, "config": []}, "/config", "must be an object"),
        ({"header": {"w": entry(end=7)}}, "/header/w", "takes 8 bytes"),
        ({"header": []}, "/header", "must be an object"),
        ({"shards": {"a": {"x/y": entry(end=7)}}}, "/shards/a/x~1y", "takes 8 bytes"),
        ({"shards": {"a": header(w="F32 2"), "b": header(w="F32 2")}}, "/shards/b/w", 'is in "a" too'),
        ({"shards": {}, "index": []}, "/index", "must be an object"),
        ({"shards": {}, "index": {}}, "/index/weight_map", "must be an object"),
        ({"shards": {}, "index": {"weight_map": {"w": 1}}}, "/index/weight_map/w", "name of a file"),
        ({"shards": {"a": {}}, "index": {"weight_map": {"w": "a"}}}, "/index/weight_map/w", "no such tensor"),
    ],
)
def test_refused(payload: Any, pointer: str, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    problems = refused.value.problems
    assert any(problem.pointer == pointer and detail in problem.detail for problem in problems), problems
    if isinstance(payload, dict) and not {"header", "shards"} & payload.keys():
        with pytest.raises(Problems) as in_a_file:
            count_document(in_bytes(payload))
        assert [(problem.pointer, problem.code) for problem in in_a_file.value.problems] == [
            (problem.pointer, problem.code) for problem in refused.value.problems
        ]


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"", "is empty"),
        (b"\x10\0\0", "at least the first 8 bytes"),
        (in_bytes("{}", claimed=100), "at least the first 108 bytes"),
        (in_bytes("{}", claimed=2**63), "claims a header of 9,223,372,036,854,775,808 bytes"),
        (in_bytes("{}", claimed=100_000_001), "100,000,000 are the most"),
        (in_bytes(""), "not JSON"),
        (in_bytes("{"), "not JSON"),
        (in_bytes('{"w": NaN}'), "not JSON"),
        (in_bytes("[" * 200_000), "not JSON"),
        (in_bytes('{"\\ud800": {}}'), "not JSON"),
        (b"\x04\0\0\0\0\0\0\0\xff{}\xff", "not JSON"),
        (in_bytes("[]"), "must be an object"),
        (in_bytes('{"w": 1, "w": 2}'), '"w" twice'),
        (in_bytes('{"w": {"dtype": "F32", "shape": [1], "shape": [2], "data_offsets": [0, 8]}}'), '"shape" twice'),
        (
            in_bytes(
                '{"__metadata__": {"a": "", "a": "b"}, "w": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}'
            ),
            '"a" twice',
        ),
        (in_bytes(header(w="F32 2"), data=bytes(9)), "1 bytes after its last tensor"),
        (in_bytes({}, data=b"x"), "1 bytes after its last tensor"),
    ],
)
def test_bytes_that_are_refused(payload: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert any(detail in problem.detail for problem in refused.value.problems), refused.value.problems


@pytest.mark.parametrize("form", [in_bytes, lambda payload: payload], ids=["bytes", "JSON"])
def test_sound_headers_of_too_many_tensors(form: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (headers, header_problems):
        monkeypatch.setattr(module, "MAX_TENSORS", 2)
    assert totals(count_document(form(header(v="F32 2", w="F32 3")))) == (5, 0, 0, 20)
    with pytest.raises(Problems) as refused:
        count_document(form(header(u="F32 ", v="F32 2", w="F32 3")))
    assert [problem.detail for problem in refused.value.problems] == ["holds 3 tensors, where 2 are the most"]


def accepts(source: bytes | dict[str, Any]) -> bool:
    try:
        parse_valid(source)
    except ValueError:
        return False
    return True


VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 8, 2**40, 2**40 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2.0, 1e300, "", "x", "F32", "F4", "[]",
    [], {}, [0], [0, 8], [8, 0], [2.0], [True], [None], [2, 1], [[]], ["ab"], {"a": "b"}, {"shape": ""}, {"dtype": 1},
)  # fmt: skip
HEADER_NAMES = (
    *("__metadata__", "shape", "dtype", "data_offsets", "a", "b", "h.0.w", "a:b", "é", "", '"', "\\", "\ud7ff\x7f"),
    *("running_mean", "n.num_batches_tracked", "/~"),
)


def containers(value: Any) -> Iterator[dict[str, Any] | list[Any]]:
    """Every dict and list in a value, itself included."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


@st.composite
def mutated_headers(draw: st.DrawFn) -> dict[str, Any]:
    """A valid header in any key order, after some changes of values, members and names: none, in some examples."""
    shapes = draw(st.lists(st.lists(st.sampled_from((0, 1, 2, 3)), max_size=3), max_size=4))
    names = draw(st.lists(st.sampled_from(HEADER_NAMES[1:]), min_size=len(shapes), max_size=len(shapes), unique=True))
    tensors = {name: f"{draw(st.sampled_from(('F32', 'I64', 'U8')))} {'x'.join(map(str, shape))}"
               for name, shape in zip(names, shapes, strict=True)}  # fmt: skip
    payload: dict[str, Any] = header(**tensors)
    if draw(st.booleans()):
        metadata = st.dictionaries(st.sampled_from(HEADER_NAMES), st.sampled_from(("", "pt", "a:b")), max_size=3)
        payload["__metadata__"] = draw(st.none() | metadata)
    for _ in range(draw(st.integers(0, 2))):
        target = draw(st.sampled_from(list(containers(payload))))
        value = deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(target, list):
            target[draw(st.integers(0, len(target))) :] = [value]
        elif target and draw(st.booleans()):
            key = draw(st.sampled_from(list(target)))
            kept = target.pop(key)
            if draw(st.booleans()):
                target[draw(st.sampled_from(HEADER_NAMES))] = kept
        else:
            target[draw(st.sampled_from((*target, *HEADER_NAMES)))] = value
    for target in list(containers(payload)):
        if isinstance(target, dict):
            items = draw(st.permutations(list(target.items())))
            target.clear()
            target.update(items)
    return payload


@given(mutated_headers(), st.sampled_from((None, 1)), st.booleans())
def test_a_header_is_accepted_if_and_only_if_nothing_is_wrong_with_it(
    payload: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(payload, indent=indent, ensure_ascii=ascii_only).encode()
    accepted = accepts(raw)
    event("accepted" if accepted else "refused")
    assert accepted == (explain(raw) == [])
    decoded = orjson.loads(raw)
    assert accepts(decoded) == accepted == (explain(decoded) == [])
    if accepted:
        assert parse_valid(raw) == parse_valid(decoded)


@given(st.data())
@example(None)
def test_bytes_of_a_header_are_accepted_if_and_only_if_nothing_is_wrong_with_them(data: st.DataObject | None) -> None:
    raw = bytearray(json.dumps({"__metadata__": {"a": "b:c"}, **header(v="F32 2", w="F32 3")}).encode())
    if data is not None:
        for _ in range(data.draw(st.integers(0, 3))):
            start = data.draw(st.integers(0, len(raw)))
            end = data.draw(st.integers(start, min(len(raw), start + 20)))
            raw[start:end] = data.draw(
                st.sampled_from(
                    (b"", b" ", b'"', b",", b"0", b"\\u003a", b"\\ud800", b"\xff", bytes(raw[start - 9 : end]))
                )
            )
    accepted = accepts(bytes(raw))
    event("accepted" if accepted else "refused")
    assert accepted == (explain(bytes(raw)) == [])


@pytest.mark.parametrize(
    ("raw", "accepted"),
    [
        # What the safetensors library 0.8.0 accepts and refuses (TensorInfo, HashMetadata: serde's derived rules).
        ('{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": {"a": [1]}}}', True),
        ('{"__metadata__": null, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', True),
        ('{"a:b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', True),
        (r'{"\u003a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": 1}}', True),
        ('{"__metadata__": {"shape": "", "data_offsets": "ab", "dtype": "c"}}', True),
        ('{"__metadata__": {"shape": []}}', False),
        ('{"w": {"dtype": "F32", "shape": "", "data_offsets": [0, 4]}}', False),
        ('{"w": {"dtype": "F32", "shape": [2], "data_offsets": "ab"}}', False),
        ('{"w": {"dtype": "F32", "shape": [0]}}', False),
        # A name twice: refused here alone, since only one of the two is counted.
        (r'{"\u003aw": {"dtype": "F32", "shape": [2, 2], "shape": [2], "data_offsets": [0, 8]}}', False),
        ('{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "more": {"a": 1, "a": 2}}}', False),
        ('{"__metadata__": {"a": "b", "a": "c"}}', False),
    ],
)
def test_json_that_a_header_may_hold(raw: str, accepted: bool) -> None:
    assert accepts(raw.encode()) is accepted
    assert (explain(raw.encode()) == []) is accepted


def test_the_size_of_a_header_with_other_members_is_that_of_its_tensors() -> None:
    shard = {"__metadata__": {"shape": "2"}, "w": entry() | {"more": 1}}
    index = {"weight_map": {"w": "a"}, "metadata": {"total_size": 8}}
    assert [warning.code for warning in count_document({"index": index, "shards": {"a": shard}}).warnings] == [
        "flags_not_stored"
    ]


def test_a_truncated_file_is_refused_with_the_bytes_needed() -> None:
    whole = in_bytes(header(w="F32 2"))
    for length in range(len(whole)):
        with pytest.raises(Incomplete) as refused:
            decode_file(whole[:length])
        assert refused.value.needs["last"] + 1 == (8 if length < 8 else len(whole))


@pytest.mark.parametrize(
    ("payload", "code", "detail", "exact"),
    [
        (
            {
                "index": {"weight_map": {"a": "1", "b": "2", "c": "2"}},
                "shards": {"1": header(a="F32 2")},
            },
            "missing_shard",
            "2 tensors",
            False,
        ),
        ({"index": {"weight_map": {}}, "shards": {"1": header(a="F32 2")}}, "not_in_index", '"a"', True),
        (
            {"shards": {"model-00001-of-00030.safetensors": header(a="F32 2")}},
            "missing_shard",
            '29 of the 30 shards of "model"',
            False,
        ),
        (
            {"index": {"weight_map": {"a": "1"}, "metadata": {"total_size": 9}}, "shards": {"1": header(a="F32 2")}},
            "declared_total",
            "total_size of 9, but 8",
            True,
        ),
        (
            {
                "index": {"weight_map": {"a": "1"}, "metadata": {"total_parameters": 3}},
                "shards": {"1": header(a="F32 2")},
            },
            "declared_total",
            "total_parameters of 3, but 2",
            True,
        ),
        ({"__metadata__": {"total_parameters": "1000000"}, **header(w="F32 2")}, "declared_total", "but 2", True),
        (
            {"header": header(w="F32 2"), "config": {"quantization_config": {"quant_method": "hqq"}}},
            "packed",
            '"hqq", but no packed weight',
            True,
        ),
    ],
)
def test_notices(payload: Any, code: str, detail: str, exact: bool) -> None:
    report = count_document(payload)
    assert any(warning.code == code and detail in warning.detail for warning in report.warnings), report.warnings
    assert report.exact is exact


@pytest.mark.parametrize("size", [8, 8.0, "8"])
def test_a_declared_total_that_is_right_is_not_reported(size: object) -> None:
    index = {"weight_map": {"a": "1", "n": "1"}, "metadata": {"total_size": size, "total_parameters": 1}}
    report = count_document({"index": index, "shards": {"1": header(a="F32 ", n="I32 ")}})
    assert [warning.code for warning in report.warnings] == ["flags_not_stored"]


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (header(w="F32 2"), "safetensors"),
        ({"__metadata__": {}, **header(w="F32 2")}, "safetensors"),
        ({"header": header(w="F32 2")}, "safetensors"),
        ({"shards": {"a": header(w="F32 2")}}, "safetensors"),
        ({"index": {"weight_map": {}}, "shards": {"a": header(w="F32 2")}}, "safetensors"),
        (in_bytes(header(w="F32 2")), "safetensors"),
        (in_bytes(json.dumps(header(w="F32 2")) + " " * 200), "safetensors"),
        # The length of this header is 8 in its lowest byte, as a model of ONNX begins.
        (in_bytes(json.dumps(header(w="F32 2")).ljust(0x0108)), "safetensors"),
        (in_bytes(json.dumps(header(w="F32 2")).ljust(0x020108)), "safetensors"),
        ({"parameters": {"data_offsets": {"shape": [2]}}}, "tensors"),
    ],
)
def test_recognised(payload: Any, name: str) -> None:
    assert detect(payload).name == name
