"""pytorch: TorchScript, the metadata of distributed checkpoints, .nemo."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.pickles import Call, Name, archive, dtype, dump, module, parameter, storages, tensor, zip_files


def report_of(raw: Any) -> Report:
    return count(read(raw, FORMATS["pytorch"]))


def totals_of(raw: Any) -> tuple[int, int, int]:
    totals = report_of(raw).root.totals
    return totals.trainable, totals.frozen, totals.buffers


CODE = b"""class Net(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = ["mean", ]
  weight : Tensor
  bias : Optional[Tensor]
  lin : __torch__.torch.nn.modules.linear.___torch_mangle_0.Linear
  def forward(self: __torch__.net.Net, x: Tensor) -> Tensor:
    return x
class Pair(NamedTuple):
  a : Tensor
"""
LINEAR = b'class Linear(Module):\n  __parameters__ = ["weight", ]\n  __buffers__ = []\n  weight : Tensor\n'
LINEAR_PATH = "torch/nn/modules/linear/___torch_mangle_0.py"


def script(path: str, **attributes: Any) -> Call:
    return Call(f"__torch__.{path}", (), {"training": True, **attributes}, b"\x81")


def torchscript(root: Call, constants: tuple[Any, ...] = ()) -> bytes:
    files = {f"m/data/{key}": bytes(size) for key, size in storages(root).items()}
    files |= {"m/data.pkl": dump(root), "m/code/__torch__/net.py": CODE, f"m/code/__torch__/{LINEAR_PATH}": LINEAR}
    files |= {f"m/constants/{key}": bytes(size) for key, size in storages(constants).items()}
    return zip_files(files | {"m/constants.pkl": dump(constants), "m/version": b"3"})


NET = script(
    "net Net",
    weight=tensor("0", 3, 4, grad=True),
    bias=tensor("1", 3),
    mean=tensor("2", 3),
    plain=tensor("3", 99),  # an attribute
    lin=script("torch.nn.modules.linear.___torch_mangle_0 Linear", weight=tensor("4", 5, grad=True)),
)


def test_torchscript() -> None:
    raw = torchscript(NET, (tensor("0", 7),))
    report = report_of(raw)
    assert totals_of(raw) == (17, 3, 3)
    assert (detect(raw).name, report.root.type, report.convention, report.exact) == ("pytorch", "Net", "torch", True)
    assert [(row.name, row.type) for row in report.root.children] == [("lin", "Linear")]
    assert [warning.detail[:37] for warning in report.warnings] == ["7 elements in 1 tensors are constants"]


def test_a_frozen_script_has_constants_for_weights() -> None:
    report = report_of(torchscript(script("net Net"), (tensor("0", 7),)))
    assert (report.exact, report.root.totals.trainable) == (False, 0)


def test_torchscript_without_its_code() -> None:
    with pytest.raises(Problems) as refused:
        report_of(torchscript(script("other Net", weight=tensor("0", 3))))
    assert "holds no " in refused.value.problems[0].detail


META = "torch.distributed.checkpoint.metadata"


def storage_entry(*shape: int, kind: str = "float32") -> Call:
    properties = (dtype(kind), Name("torch strided"), False, 0, False)
    return Call(
        f"{META} TensorStorageMetadata",
        (),
        {"properties": Call(f"{META} TensorProperties", (), properties, b"\x81"), "size": Call("torch Size", (shape,))},
        b"\x81",
    )


BYTES = Call(f"{META} BytesStorageMetadata", (), {}, b"\x81")


def metadata(tensors: dict[str, Any], paths: Any = None) -> bytes:
    return dump(Call(f"{META} Metadata", (), {"state_dict_metadata": tensors, "planner_data": paths}, b"\x81"))


@pytest.mark.parametrize(
    ("tensors", "paths", "totals", "optimizer"),
    [
        ({"fc.weight": storage_entry(3, 4), "norm.running_mean": storage_entry(3)}, None, (12, 0, 3), ""),
        ({"model.w": storage_entry(3), "step": BYTES}, {"model.w": ("model", "w"), "step": ("step",)}, (3, 0, 0), ""),
        (
            {"m.w": storage_entry(3), "o.state.0.exp_avg": storage_entry(3), "o.param_groups.0.lr": BYTES},
            {
                "m.w": ("m", "w"),
                "o.state.0.exp_avg": ("o", "state", 0, "exp_avg"),
                "o.param_groups.0.lr": ("o", "param_groups", 0, "lr"),
            },
            (3, 0, 0),
            "holds 3 elements",
        ),
        (
            {"model.w": storage_entry(3), "optimizer.state.exp_avg.w": storage_entry(3)},
            None,
            (3, 0, 0),
            "holds 3 elements",
        ),
        ({"model.w": storage_entry(3, kind="bfloat16"), "optim.w": storage_entry()}, {}, (3, 0, 0), "holds 1 elements"),
    ],
)
def test_distributed_checkpoints(tensors: Any, paths: Any, totals: tuple[int, int, int], optimizer: str) -> None:
    report = report_of(metadata(tensors, paths))
    assert totals_of(metadata(tensors, paths)) == totals
    assert report.exact
    assert [warning.detail[:16] for warning in report.warnings if warning.code == "optimizer"] == [optimizer][
        : bool(optimizer)
    ]


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (metadata({"w": storage_entry(-3)}), "sizes from 0"),
        (metadata({"w": storage_entry(3, kind="float3")}), 'dtype "float3"'),
        (
            metadata({"a": storage_entry(3), "a.b": storage_entry(3)}, {"a": ("a",), "a.b": ("a", "b")}),
            "in what is no dict",
        ),
        (metadata({"a": storage_entry(3), "b": storage_entry(3)}, {"b": ("a",)}), "twice"),
        (metadata(3), "without its tensors"),  # type: ignore[arg-type]
    ],
)
def test_refused_metadata(raw: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(raw)
    assert detail in refused.value.problems[0].detail


WEIGHTS = archive({"encoder.weight": tensor("0", 3, 4)}, "model_weights")


def write_nemo(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("prefix", ["", "./"])
def test_nemo(prefix: str) -> None:
    raw = write_nemo(**{f"{prefix}model_config.yaml": b"a: 1\n" * 300, f"{prefix}model_weights.ckpt": WEIGHTS})
    assert (detect(raw).name, totals_of(raw)) == ("pytorch", (12, 0, 0))
    head = raw[: raw.index(b"PK") + 300]
    assert totals_of(head) == (12, 0, 0)
    assert totals_of(PartialFile("m.nemo", len(raw), [(0, raw)])) == (12, 0, 0)
    with pytest.raises(Problems) as refused:
        report_of(raw[: raw.index(b"PK") + 40])
    assert refused.value.problems[0].code == "incomplete"


def test_nemo_with_a_distributed_checkpoint() -> None:
    raw = write_nemo(**{"model_config.yaml": b"", "model_weights/.metadata": metadata({"w": storage_entry(3)})})
    assert totals_of(raw) == (3, 0, 0)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (write_nemo(**{"model_config.yaml": b""}), "without model_weights.ckpt"),
        (
            write_nemo(**{"mp_rank_00/model_weights.ckpt": WEIGHTS, "mp_rank_01/model_weights.ckpt": WEIGHTS}),
            "of 2 ranks",
        ),
        (
            write_nemo(**{"model_config.yaml": b"", "other": b""}).replace(b"00000000000", b"0000000000x"),
            "a header that is broken",
        ),
        (write_nemo(other=b""), "is an archive: send what is in it"),
    ],
)
def test_refused_nemo(raw: bytes, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        report_of(raw)
    assert detail in refused.value.problems[0].detail


def test_modules_of_older_pickles() -> None:
    """Protocols 0 and 1 make objects through copyreg; torch.fx has a function of its own."""
    state = module(parameters={"w": parameter(tensor("0", 5))}).state
    for path, args in (
        ("copy_reg _reconstructor", (Name("my Net"), Name("__builtin__ object"), None)),
        ("copyreg __newobj__", (Name("my Net"),)),
    ):
        report = report_of(archive(Call(path, args, state)))
        assert (report.root.type, report.root.totals.trainable) == ("Net", 5)
    graph = Call("torch.fx.graph_module reduce_graph_module", (state, "import torch"))
    assert totals_of(archive({"model": graph})) == (5, 0, 0)
