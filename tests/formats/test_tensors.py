"""tensors: documents of named_parameters() and named_buffers(), and invalid ones."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS


def count_document(payload: Any) -> Report:
    return count(read(payload, FORMATS["tensors"]))


def tensor(*shape: int, dtype: str = "float32", **more: Any) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype, **more}


@pytest.mark.parametrize(
    ("payload", "trainable", "frozen", "buffers", "size"),
    [
        ({"parameters": {}}, 0, 0, 0, 0),
        ({"parameters": {"w": tensor()}}, 1, 0, 0, 4),
        ({"parameters": {"w": tensor(0, 5)}}, 0, 0, 0, 0),
        ({"parameters": {"w": tensor(3, 4, dtype="torch.bfloat16")}}, 12, 0, 0, 24),
        ({"parameters": {"w": tensor(3, 4, requires_grad=False), "b": tensor(3)}}, 3, 12, 0, 60),
        ({"parameters": {"w": {"shape": [5]}}}, 5, 0, 0, 20),
        # torch: only tensors of floating point and complex dtype can require gradients.
        ({"parameters": {"w": tensor(5, dtype="int8"), "b": tensor(2, dtype="complex64")}}, 2, 5, 0, 21),
        ({"parameters": {"w": tensor(2)}, "buffers": {"n": tensor(dtype="int64"), "m": tensor(2)}}, 2, 0, 3, 8),
        # Tied: counted where it is listed first.
        ({"parameters": {"a": tensor(6), "b": tensor(6)}, "tied": [["a", "b"]]}, 6, 0, 0, 24),
        ({"parameters": {n: tensor(6) for n in "abcd"}, "tied": [["d", "a"], ["b", "c"]]}, 12, 0, 0, 48),
        ({"parameters": {"a": tensor(6)}, "buffers": {"b": tensor(6)}, "tied": [["b", "a"]]}, 6, 0, 0, 24),
        ({"parameters": {"": tensor(2), "a.": tensor(2), "ü": tensor(2)}}, 6, 0, 0, 24),
    ],
)
def test_totals(payload: Any, trainable: int, frozen: int, buffers: int, size: int) -> None:
    report = count_document(payload)
    totals = report.root.totals
    assert (totals.trainable, totals.frozen, totals.buffers, totals.bytes) == (trainable, frozen, buffers, size)
    assert (report.convention, report.exact) == ("torch", True)


BYTES = {"shape": [1024, 1], "dtype": "uint8", "requires_grad": False}


@pytest.mark.parametrize(
    ("payload", "total", "detail", "exact"),
    [
        # bitsandbytes: 1024 bytes of two values each are 32 x 64; their quant_state is neither parameter nor buffer.
        ({"parameters": {"q.weight": BYTES, "n": tensor(5)}}, 1029, "stands for 2,053 parameters", False),
        ({"parameters": {"q.weight": tensor(1024, 1, dtype="uint8")}}, 1024, "stands for 2,048 parameters", False),
        # HQQ's scales are in an attribute: its groups are not known.
        ({"parameters": {"q.W_q": tensor(8, 64, dtype="uint8")}}, 512, "stands for parameters whose number", False),
        (
            {
                "parameters": {"q.W_q": tensor(8, 64, dtype="uint8")},
                "buffers": {"q.scale": tensor(16, 1), "q.zero": tensor(16, 1)},
            },
            512,
            "stands for 1,024",
            False,
        ),
        (
            {"parameters": {"q.weight": BYTES, "k.weight": BYTES}, "tied": [["q.weight", "k.weight"]]},
            1024,
            "stands for 2,048 parameters: 1,024 elements of 1 ",
            False,
        ),
        # GPTQ's tensors are buffers, which torch leaves out of its total.
        (
            {
                "parameters": {"n": tensor(5)},
                "buffers": {
                    "q.qweight": tensor(8, 32, dtype="int32"),
                    "q.qzeros": tensor(2, 4, dtype="int32"),
                    "q.scales": tensor(2, 32, dtype="float16"),
                    "q.g_idx": tensor(64, dtype="int32"),
                },
            },
            5,
            "stands for 2,053 parameters: 256 elements of 1 GPTQ weights are 2,048",
            False,
        ),
        # float4_e2m1fn_x2 counts pairs, as torch does.
        ({"parameters": {"a": tensor(6, dtype="torch.float4_e2m1fn_x2")}}, 6, "stands for 12 parameters", False),
        # 8 bits are one value an element.
        (
            {"parameters": {"q.weight": tensor(32, 64, dtype="float8_e4m3fn"), "q.weight_scale_inv": tensor(1, 1)}},
            2049,
            "stands for 2,048 parameters",
            True,
        ),
        (
            {
                "state_dict": {
                    "q.weight": tensor(1024, 1, dtype="uint8"),
                    "q.weight.absmax": tensor(32),
                    "q.weight.quant_map": tensor(16),
                }
            },
            1072,
            "stands for 2,048 parameters",
            True,
        ),
        ({"state_dict": {"q.W_q": tensor(8, 64, dtype="uint8"), "q.scale": tensor(1, 64)}}, 576, "stands for", False),
    ],
)
def test_packed_weights_are_described(payload: Any, total: int, detail: str, exact: bool) -> None:
    report = count_document(payload)
    (warning,) = [warning for warning in report.warnings if warning.code == "packed"]
    assert warning.detail.startswith(detail), warning.detail
    totals = report.root.totals
    assert (totals.trainable + totals.frozen + totals.buffers * (report.convention == "stored")) == total
    assert report.exact is exact


@pytest.mark.parametrize(
    "payload",
    [
        {"parameters": {"q.weight": tensor(32, 64, dtype="uint8", requires_grad=False)}},
        {"parameters": {"q.weight": tensor(32, 1)}},
        {"parameters": {"q.weight": tensor(32, 1, requires_grad=False)}},
        {"parameters": {"q.W_q": tensor(8, 64), "k.W_q": tensor(8, dtype="uint8")}},
        {"parameters": {"table": BYTES}, "buffers": {"weight": tensor(1024, 1, dtype="uint8")}},
        {"parameters": {"q.weight": tensor(8, 8), "q.scales": tensor(8, 1), "q.biases": tensor(8, 1)}},
        {"parameters": {"w": tensor(3)}, "buffers": {"relative_position_index": tensor(49, 49, dtype="int64")}},
    ],
)
def test_what_only_looks_packed(payload: Any) -> None:
    report = count_document(payload)
    assert (report.exact, report.warnings) == (True, ())


def test_a_tied_tensor_names_the_one_it_shares() -> None:
    payload = {"parameters": {"embed.w": tensor(6), "head.w": tensor(6)}, "tied": [["embed.w", "head.w"]]}
    ties = {row.name: row.tensors[0].tied_to for row in count_document(payload).root.children}
    assert ties == {"embed": "", "head": "embed.w"}


def test_buffers_of_a_state_dict_are_recognised_by_unambiguous_names_only() -> None:
    payload = {
        "state_dict": {
            "bn.weight": tensor(4),
            "bn.running_mean": tensor(4),
            "bn.running_var": tensor(4),
            "bn.num_batches_tracked": tensor(dtype="int64"),
            "head.weight": tensor(4),
            "my_buffer": tensor(7),
        },
        "tied": [["bn.weight", "head.weight"]],
    }
    report = count_document(payload)
    assert (report.root.totals.trainable, report.root.totals.buffers, report.convention) == (11, 9, "stored")
    assert [warning.code for warning in report.warnings] == ["flags_not_stored"]


@pytest.mark.parametrize(
    ("payload", "pointer", "detail"),
    [
        ({}, "", "either"),
        ({"buffers": {}}, "", "either"),
        ({"parameters": {}, "state_dict": {}}, "", "either"),
        ({"state_dict": {}, "buffers": {}}, "/buffers", "itself"),
        ({"parameters": {}, "bufers": {}}, "/bufers", 'did you mean "buffers"?'),
        ({"parameters": []}, "/parameters", "an object"),
        ({"parameters": {"w": [2, 3]}}, "/parameters/w", "an object"),
        ({"parameters": {"w": {}}}, "/parameters/w/shape", "required"),
        ({"parameters": {"w": tensor(-1)}}, "/parameters/w/shape/0", "at least 0"),
        ({"parameters": {"w": tensor(2**40 + 1)}}, "/parameters/w/shape/0", "at most"),
        ({"parameters": {"w": {"shape": [2.0]}}}, "/parameters/w/shape/0", "an integer, not 2.0"),
        ({"parameters": {"w": {"shape": [1.8446744073709552e19]}}}, "/parameters/w/shape/0", "at most"),
        ({"parameters": {"w": {"shape": [True]}}}, "/parameters/w/shape/0", "an integer"),
        ({"parameters": {"w": {"shape": "23"}}}, "/parameters/w/shape", "a list"),
        ({"parameters": {"w": {"shape": [1] * 65}}}, "/parameters/w/shape", "at most 64"),
        ({"parameters": {"w": tensor(2, dtype="flaot32")}}, "/parameters/w/dtype", 'did you mean "float32"?'),
        ({"parameters": {"w": {"shape": [2], "dtype": None}}}, "/parameters/w/dtype", "a string"),
        ({"parameters": {"w": tensor(2, requires_grad=1)}}, "/parameters/w/requires_grad", "true or false"),
        ({"parameters": {"w": tensor(2, grad=True)}}, "/parameters/w/grad", "unknown member"),
        ({"parameters": {"w": tensor(2)}, "buffers": {"w": tensor(2)}}, "/buffers/w", "already"),
        ({"parameters": {"a/b": tensor(2)}, "tied": [["a/b", "c"]]}, "/tied/0/1", "no tensor"),
        ({"parameters": {"a": tensor(2)}, "tied": [["a"]]}, "/tied/0", "at least 2"),
        ({"parameters": {"a": tensor(2)}, "tied": [["a", "a"]]}, "/tied/0/1", "already"),
        ({"parameters": {"a": tensor(2), "b": tensor(3)}, "tied": [["a", "b"]]}, "/tied/0/1", "shapes differ"),
        (
            {"parameters": {"a": tensor(2), "b": tensor(2, dtype="float16")}, "tied": [["a", "b"]]},
            "/tied/0/1",
            "dtypes differ",
        ),
        (
            {"parameters": {"a": tensor(2), "b": tensor(2, requires_grad=False)}, "tied": [["a", "b"]]},
            "/tied/0/1",
            "gradient",
        ),
        (
            {"parameters": {n: tensor(2) for n in "abc"}, "tied": [["a", "b"], ["b", "c"]]},
            "/tied/1/0",
            "/tied/0/1",
        ),
        ({"parameters": {"w": tensor(2**40, 2**40)}}, "", "more than"),
        ({"parameters": dict.fromkeys(map(str, range(250_001)), tensor(1))}, "", "250,000 are the most"),
        ("text", "", "must be an object"),
        (b"\0", "", "must be"),
        (None, "", "object"),
    ],
)
def test_refused(payload: Any, pointer: str, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    problems = refused.value.problems
    assert any(problem.pointer == pointer and detail in problem.detail for problem in problems), problems


def test_all_problems_are_reported_at_once() -> None:
    payload = {"parameters": {"a": tensor(dtype="f32"), "b": tensor(dtype="float33")}, "tied": [["c", "d"]]}
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert len(refused.value.problems) == 4
