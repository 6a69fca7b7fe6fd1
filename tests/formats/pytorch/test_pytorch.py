"""pytorch: files written byte by byte as torch.save writes them; tools/oracle/files_pickled.py holds real ones."""

from __future__ import annotations

from typing import Any
from zipfile import ZIP_DEFLATED

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.partial_file import PartialFile
from paramcount.model import block_ranges
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.schema.registry import FORMATS
from tests.builders.pickles import (
    Call,
    Name,
    archive,
    dtype,
    dump,
    legacy,
    module,
    ordered_dict,
    parameter,
    storage,
    tensor,
    zip_files,
)


def report_of(raw: Any) -> Report:
    return count(read(raw, FORMATS["pytorch"]))


def names(row: Row, prefix: str = "") -> dict[str, tuple[tuple[int, ...], str, str]]:
    """Shape, dtype and owner of each tensor by its full name."""
    tensors = {prefix + tensor.name: (tensor.shape, tensor.dtype, tensor.tied_to) for tensor in row.tensors}
    for child in row.children:
        for name in block_ranges.expand(child.name, 100) if child.repeat > 1 else [child.name]:
            tensors |= names(child, f"{prefix}{name}.")
    return tensors


W, B = tensor("0", 3, 4), tensor("1", 3)
WEIGHTS = {"fc.weight": W, "fc.bias": B}
META = "torch._utils _rebuild_meta_tensor_no_storage"
SPARSE = "torch._utils _rebuild_sparse_tensor"
HOOKS = Call("collections OrderedDict")
OPTIMIZER = {
    "state": {0: {"step": tensor("8"), "exp_avg": tensor("9", 3, 4)}},
    "param_groups": [{"lr": 0.1, "params": [0]}],
}
NUMPY = Call(
    "numpy._core.multiarray _reconstruct",
    (Name("numpy ndarray"), (0,), b"b"),
    (1, (2, 3), Call("numpy dtype", ("f4", False, True), (3, "<", None, None, None, -1, -1, 0)), False, bytes(24)),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (WEIGHTS, {"fc.weight": ((3, 4), "F32", ""), "fc.bias": ((3,), "F32", "")}),
        (ordered_dict(WEIGHTS), {"fc.weight": ((3, 4), "F32", ""), "fc.bias": ((3,), "F32", "")}),
        (W, {"": ((3, 4), "F32", "")}),
        ([W, [B]], {"0": ((3, 4), "F32", ""), "1.0": ((3,), "F32", "")}),
        ({1: W, (1, 2): B}, {"1": ((3, 4), "F32", ""), "(1, 2)": ((3,), "F32", "")}),
        # One storage: the same part of it is tied, another part is not, nor the same part in another shape.
        ({"a": tensor("0", 4, size=9), "b": tensor("0", 4, size=9)}, {"a": ((4,), "F32", ""), "b": ((4,), "F32", "a")}),
        (
            {"a": tensor("0", 4, size=9), "b": tensor("0", 4, size=9, offset=4)},
            {"a": ((4,), "F32", ""), "b": ((4,), "F32", "")},
        ),
        (
            {"a": tensor("0", 4, size=9), "b": tensor("0", 2, 2, size=9)},
            {"a": ((4,), "F32", ""), "b": ((2, 2), "F32", "")},
        ),
        (
            {"a": tensor("0", 2, 3), "b": tensor("0", 2, 3, stride=(1, 2))},  # b is transposed
            {"a": ((2, 3), "F32", ""), "b": ((2, 3), "F32", "")},
        ),
        ({"a": W, "b": W}, {"a": ((3, 4), "F32", ""), "b": ((3, 4), "F32", "a")}),
        ({"e": tensor("0", 5, 0)}, {"e": ((5, 0), "F32", "")}),
        ({"x": tensor("0", 7, 2, size=1, stride=(0, 0))}, {"x": ((7, 2), "F32", "")}),  # expanded: numel() is 14
        (
            {"h": tensor("0", 2, kind="BFloat16"), "i": tensor("1", kind="Long")},
            {"h": ((2,), "BF16", ""), "i": ((), "I64", "")},
        ),
        (
            {
                "f8": Call(
                    "torch._utils _rebuild_tensor_v3",
                    (storage("0", 6, "Untyped"), 0, (6,), (1,), False, HOOKS, dtype("float8_e4m3fn")),
                )
            },
            {"f8": ((6,), "F8_E4M3", "")},
        ),
        ({"m": Call(META, (dtype("float16"), (5, 6), (6, 1), False))}, {"m": ((5, 6), "F16", "")}),
        (
            {
                "s": Call(
                    SPARSE,
                    (
                        Call("torch.serialization _get_layout", ("torch.sparse_coo",)),
                        (tensor("0", 2, 1, kind="Long"), tensor("1", 1), Call("torch Size", ((8, 9),)), True),
                    ),
                )
            },
            {"s": ((8, 9), "F32", "")},
        ),
        (
            {
                "q": Call(
                    "torch._utils _rebuild_qtensor",
                    (storage("0", 6, "QInt8"), 0, (2, 3), (3, 1), (dtype("per_tensor_affine"), 0.5, 0), False, HOOKS),
                )
            },
            {"q": ((2, 3), "QI8", "")},
        ),
        (
            {
                "t": Call(
                    "torch._tensor _rebuild_from_type_v2",
                    (Name("torch._utils _rebuild_tensor_v2"), Name("my Kind"), W.args, {}),
                )
            },
            {"t": ((3, 4), "F32", "")},
        ),
        ({"model": {"n": NUMPY}}, {"model.n": ((2, 3), "F32", "")}),
        (
            {"n": Call("torch._utils _rebuild_nested_tensor", (tensor("0", 18), B, B, B))},
            {"n": ((18,), "F32", "")},
        ),
    ],
)
def test_tensors(value: Any, expected: dict[str, Any]) -> None:
    for raw in (archive(value), archive(value, "my model.v2"), archive(value, method=ZIP_DEFLATED)):
        report = report_of(raw)
        assert names(report.root) == expected
        assert report.exact
        assert detect(raw).name == "pytorch"


def whole(**attributes: Any) -> Call:
    """A module: fc (12 + 3, its bias frozen), norm (2 buffers of 3 and a count, one not saved), tied to fc by name."""
    weight = parameter(W)
    linear = module("torch.nn.modules.linear Linear", parameters={"weight": weight, "bias": parameter(B, grad=False)})
    norm = module(
        "torch.nn.modules.batchnorm BatchNorm1d",
        parameters={"weight": None},
        buffers={
            "running_mean": tensor("2", 3),
            "scratch": tensor("3", 3),
            "num_batches_tracked": tensor("4", kind="Long"),
        },
    )
    head = module("torch.nn.modules.linear Linear", parameters={"weight": weight})
    return module(modules={"fc": linear, "norm": norm, "head": head, "none": None}, **attributes)


@pytest.mark.parametrize(
    ("value", "totals"),
    [
        (whole(), (12, 3, 7)),
        (whole(table=tensor("7", 100)), (12, 3, 7)),  # an attribute is neither a parameter nor a buffer
        ({"model": whole(), "epoch": 3}, (12, 3, 7)),
        ([whole()], (12, 3, 7)),
        ({"state": {"fc.weight": W}, "model": whole()}, (12, 3, 7)),  # the module says what it is
        ({"a": parameter(W), "b": parameter(B, grad=False)}, (12, 3, 0)),
        ({"a": parameter(W), "b": B}, (12, 0, 3)),
        (
            module(
                modules={
                    "0": module(parameters={"w": parameter(W)}),
                    "1": module(parameters={"w": parameter(tensor("1", 3, 4))}),
                }
            ),
            (24, 0, 0),
        ),
    ],
)
def test_modules(value: Any, totals: tuple[int, int, int]) -> None:
    for raw in (archive(value), legacy(value)):
        report = report_of(raw)
        tensors = report.root.totals
        assert (tensors.trainable, tensors.frozen, tensors.buffers) == totals
        assert (report.convention, report.exact) == ("torch", True)


def test_weights_in_objects_of_compiled_classes_are_not_seen() -> None:
    packed = Call("torch ScriptObject", (), (tensor("0", 3, 4, kind="QInt8"), B), b"\x81")
    report = report_of(archive(module("torch.ao.nn.quantized Linear", _packed_params=packed)))
    assert (report.root.totals.trainable, report.exact) == (0, False)


def test_rows_have_the_classes_of_modules() -> None:
    root = report_of(archive(whole())).root
    assert (root.name, root.type) == ("Net", "Net")
    assert [(row.path, row.type) for row in root.children] == [
        ("fc", "Linear"),
        ("norm", "BatchNorm1d"),
        ("head", "Linear"),
    ]
    assert names(root)["head.weight"] == ((3, 4), "F32", "fc.weight")
    inside = report_of(archive({"net": {"model": whole()}})).root
    assert inside.children[0].children[0].type == "Net"


def test_equal_modules_are_one_row() -> None:
    blocks = {
        str(index): module("my Block", parameters={"w": parameter(tensor(str(index), 3, 4))}) for index in range(5)
    }
    (row,) = report_of(archive(module("torch.nn.modules.container ModuleList", modules=blocks))).root.children
    assert (row.name, row.type, row.repeat, row.totals.trainable) == ("0-4", "Block", 5, 60)


@pytest.mark.parametrize(
    ("value", "total", "warnings"),
    [
        (
            {"state_dict": WEIGHTS, "epoch": 3, "optimizer": OPTIMIZER},
            15,
            {"optimizer": "holds 13 elements of an optimizer's state in 2 tensors"},
        ),
        ({"model": WEIGHTS, "optimizer_states": [OPTIMIZER]}, 15, {"optimizer": "holds 13 elements"}),
        ({"model": WEIGHTS, "anything": OPTIMIZER}, 15, {"optimizer": "holds 13 elements"}),
        (
            {"model": WEIGHTS, "optimizer": {"state": {0: {"p": W}}, "param_groups": []}},
            15,
            {"optimizer": "holds 0 elements"},
        ),
        (
            {"model": WEIGHTS, "rng_state": tensor("9", 50, kind="Byte"), "best_acc": tensor("8")},
            15,
            {"other_tensors": "holds 51 elements in 2 tensors"},
        ),
        (
            {"state_dict": WEIGHTS, "callbacks": {"Stop": {"best": tensor("8")}}, "loops": {}},
            15,
            {"other_tensors": "callbacks.Stop.best"},
        ),
        ({"G": WEIGHTS, "G_ema": {"fc.weight": tensor("8", 3, 4)}}, 27, {"averaged_copy": "G_ema (12 elements)"}),
        ({"model": WEIGHTS, "ema": WEIGHTS}, 15, {}),
        ({"netG": WEIGHTS, "netD": {"w": tensor("8", 5)}}, 20, {}),
        ([WEIGHTS, OPTIMIZER], 15, {"optimizer": "13 elements"}),
        (
            {"w": W, "shadow": Call("my Average", (), {"values": [B]}, b"\x81")},
            12,
            {
                "pickle_imports": "my.Average",
                "unread_objects": "1 tensors are in objects that are no modules (Average)",
            },
        ),
        (
            {"w": W, "x": Call("my rebuild", (storage("9", 4),))},
            12,
            {"unread_objects": "(rebuild)", "pickle_imports": "may call my.rebuild"},
        ),
        ({"w": W, "lazy": Call("torch.nn.parameter UninitializedParameter", (True,))}, 12, {"lazy": "1 tensors"}),
        (
            {"w": W, "x": Call("posix system", ("true",))},
            12,
            {"pickle_imports": "may call posix.system. It was counted without executing"},
        ),
    ],
)
def test_what_is_beside_the_model(value: Any, total: int, warnings: dict[str, str]) -> None:
    report = report_of(archive(value))
    totals = report.root.totals
    assert totals.trainable + totals.frozen + totals.buffers == total
    details = {warning.code: warning.detail for warning in report.warnings if warning.code != "flags_not_stored"}
    assert details.keys() == warnings.keys()
    assert all(part in details[code] for code, part in warnings.items())
    assert report.exact is not ({"unread_objects", "lazy"} & warnings.keys() != set())


def test_pickle_dump_nests_a_file_a_storage() -> None:
    raw = legacy(storage("0", 4, legacy=True))
    text = Call("_codecs encode", (raw.decode("latin-1"), "latin1"))  # as protocol 2 writes bytes
    nested = [Call("torch.storage _load_from_bytes", (part,)) for part in (raw, text)]
    view = [Call("torch._utils _rebuild_tensor_v2", (each, 0, (4,), (1,), False, HOOKS)) for each in nested]
    report = report_of(dump({"a": view[0], "b": view[1], "c": view[0]}))
    assert names(report.root) == {"a": ((4,), "F32", ""), "b": ((4,), "F32", ""), "c": ((4,), "F32", "a")}


def test_first_bytes_suffice() -> None:
    for raw in (archive(WEIGHTS), legacy(WEIGHTS)):
        end = raw.index(b"fc.bias") + 200  # within the pickle
        needed = next(length for length in range(end) if _is_counted(raw[:length]))
        assert needed < len(raw) - 60
        assert report_of(raw[:needed]).root.totals == report_of(raw).root.totals
        for length in range(needed):
            with pytest.raises(Problems) as refused:
                report_of(raw[:length])
            assert length == 0 or refused.value.problems[0].code == "incomplete"


def _is_counted(raw: bytes) -> bool:
    try:
        return report_of(raw).root.totals.trainable == 15
    except Problems:
        return False


@pytest.mark.parametrize("raw", [archive(WEIGHTS), legacy(WEIGHTS)])
def test_parts_of_a_file(raw: bytes) -> None:
    needed = next(length for length in range(len(raw)) if _is_counted(raw[:length]))
    size = 10**9
    assert report_of(PartialFile("big.pt", size, [(0, raw[:needed])])).root.totals.trainable == 15
    with pytest.raises(Problems) as refused:
        report_of(PartialFile("big.pt", size, [(0, raw[: needed - 1])]))
    assert refused.value.problems[0].needs is not None


def test_a_directory_states_where_the_pickle_is() -> None:
    files = {"a/data/0": bytes(48), "a/data/1": bytes(12), "a/data.pkl": dump(WEIGHTS), "a/version": b"3"}
    raw = zip_files(files)
    assert report_of(raw).root.totals.trainable == 15
    with pytest.raises(Problems, match="problem") as refused:
        report_of(raw[:-1])
    assert "the directory at the archive's end" in refused.value.problems[0].detail


def test_shards() -> None:
    index = {"metadata": {}, "weight_map": {"fc.weight": "m-1.bin", "fc.bias": "m-2.bin"}}
    shards = {"m-1.bin": archive({"fc.weight": W}), "m-2.bin": archive({"fc.bias": tensor("0", 3)})}
    document = {"shards": shards, "index": index}
    report = report_of(document)
    assert names(report.root) == {"fc.weight": ((3, 4), "F32", ""), "fc.bias": ((3,), "F32", "")}
    assert (detect(document).name, report.exact) == ("pytorch", True)
    partly = report_of({"shards": {"m-1.bin": shards["m-1.bin"]}, "index": index})
    assert (partly.exact, partly.root.totals.trainable) == (False, 12)
    numbered = report_of({"shards": {"m-00001-of-00002.bin": shards["m-1.bin"]}})
    assert [warning.code for warning in numbered.warnings if not warning.exact] == ["missing_shard"]


@pytest.mark.parametrize(
    ("shards", "index", "detail"),
    [
        ({"a.bin": archive({"w": W}), "b.bin": archive({"w": W})}, None, 'is in "a.bin" too'),
        ({"a.bin": archive({"w": W})}, {"weight_map": {"v": "a.bin"}}, '"a.bin" has no such tensor'),
        ({"a.bin": archive({"w": W})}, {"weight_map": 3}, "must be an index"),
        ({"a.bin": archive(whole())}, None, "no tensors by name"),
        ({"a.bin": b"PK\3\4"}, None, "the header of a member"),
    ],
)
def test_refused_shards(shards: Any, index: Any, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of({"shards": shards} | ({} if index is None else {"index": index}))
    assert any(detail in problem.detail for problem in refused.value.problems), refused.value.problems
