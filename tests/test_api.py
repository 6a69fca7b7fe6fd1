"""The public functions of the library, as a notebook uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import paramcount
from paramcount.model.errors import Problems

EXAMPLES = Path(__file__).parents[1] / "examples"
RESNET = EXAMPLES / "resnet50-keras.json"
PRINTED = (EXAMPLES / "resnet50-torch.txt").read_text()
MLP = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "name": "out", "units": 4}]}  # 3·4 + 4


@pytest.mark.parametrize(
    ("source", "total"),
    [
        (MLP, 16),
        (json.dumps(MLP), 16),
        (json.dumps(MLP).encode(), 16),
        (RESNET, 25_636_712),
        (str(RESNET), 25_636_712),
        (PRINTED, 25_557_032),
        ("Linear(in_features=3, out_features=4, bias=True)", 16),
        (json.dumps(MLP | {"name": "x" * 700}), 16),
    ],
    ids=["dict", "JSON", "bytes", "path", "path as text", "printed", "one line", "JSON longer than a file's name"],
)
def test_sources(source: Any, total: int) -> None:
    assert paramcount.count(source).totals["total"] == total


def test_a_report() -> None:
    report = paramcount.count(RESNET, freeze=["*"], train=["predictions*"])
    assert report.totals["trainable"] == 2_049_000  # 2048·1000 + 1000
    assert str(report).startswith("resnet50 (keras")
    assert repr(report) == "<Report resnet50: 25,636,712 parameters>"
    assert "<table" in report._repr_html_()
    assert report.to_dict()["totals"] == report.totals
    rows = {row.path: row for row in report.rows()}
    assert rows["predictions"].totals.trainable == 2_049_000
    assert len(rows) == len(report.to_dict()["layers"])


def test_options_and_adapters() -> None:
    report = paramcount.count(
        PRINTED, convention="keras", dtype="BF16", adapter={"peft_type": "LORA", "target_modules": ["fc"]}
    )
    assert report.totals["total"] == 25_557_032 + 8 * (2048 + 1000) + 53_173  # rank 8; and the buffers, as Keras counts
    assert report.convention == "keras"


def test_compare() -> None:
    comparison = paramcount.compare(MLP, {**MLP, "layers": [{"type": "Dense", "name": "out", "units": 5}]})
    assert [(change.path, change.kinds) for change in comparison.changes] == [("out", {"resized": 4})]
    assert "out: resized +4" in str(comparison)
    assert paramcount.compare(paramcount.count(MLP), MLP).changes == ()


def test_pointers_are_into_the_document() -> None:
    with pytest.raises(Problems) as refused:
        paramcount.count({"layers": [{"type": "Dens"}]})
    assert [problem.pointer for problem in refused.value.problems] == ["/layers/0/type"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("no such file.json", FileNotFoundError),
        ("{", Problems),
        ("", Problems),
        ("\0", Problems),
        (b"\x00\x01", Problems),
        ({"layers": [{"type": "Dens"}]}, Problems),
        (None, Problems),
        (7, Problems),
    ],
)
def test_refused(source: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        paramcount.count(source)


def test_refused_options() -> None:
    with pytest.raises(Problems):
        paramcount.count(MLP, convention="jax")  # type: ignore[arg-type]
    with pytest.raises(Problems):
        paramcount.count(MLP, freeze=["first:"])
    with pytest.raises(Problems):
        paramcount.count(MLP, freeze=["x" * 100_001])
    with pytest.raises(TypeError):
        paramcount.count(MLP, views=True)  # type: ignore[call-arg]


def test_one_glob_is_no_list_of_letters() -> None:
    assert paramcount.count(MLP, freeze="z*").totals["frozen"] == 0
    assert paramcount.count(MLP, freeze="o*").totals["frozen"] == 16


class Tensor(SimpleNamespace):
    """The members of a PyTorch tensor that `describe` reads."""


class UninitializedParameter(Tensor):
    """A parameter of a lazy module."""


class Module:
    """The members of a PyTorch module that `describe` reads: two tied weights, a frozen one, a buffer."""

    def __init__(self, **more: Any) -> None:
        tied = Tensor(shape=(4, 3), dtype="torch.bfloat16", requires_grad=True)
        frozen = Tensor(shape=(3,), dtype="torch.float32", requires_grad=False)
        self.parameters = {"embed.weight": tied, "head.weight": tied, "scale": frozen, **more}
        self.buffers = {"norm.mean": Tensor(shape=(2,), dtype="torch.float32")}

    def named_parameters(self, *, remove_duplicate: bool) -> Iterator[tuple[str, Tensor]]:
        assert not remove_duplicate
        return iter(self.parameters.items())

    def named_buffers(self, *, remove_duplicate: bool) -> Iterator[tuple[str, Tensor]]:
        assert not remove_duplicate
        return iter(self.buffers.items())

    def named_modules(self) -> Iterator[tuple[str, Any]]:
        return iter(())


class Model:
    """The members of a Keras model that `describe` reads."""

    def to_json(self) -> str:
        return RESNET.read_text()

    def count_params(self) -> int:
        return 25_636_712

    def get_config(self) -> dict[str, Any]:
        return {}


def test_a_live_module_of_torch() -> None:
    assert paramcount.describe(Module()) == {
        "parameters": {
            "embed.weight": {"shape": [4, 3], "dtype": "bfloat16", "requires_grad": True},
            "head.weight": {"shape": [4, 3], "dtype": "bfloat16", "requires_grad": True},
            "scale": {"shape": [3], "dtype": "float32", "requires_grad": False},
        },
        "buffers": {"norm.mean": {"shape": [2], "dtype": "float32"}},
        "tied": [["embed.weight", "head.weight"]],
    }
    report = paramcount.count(Module())
    assert (report.totals["trainable"], report.totals["frozen"], report.totals["buffers"]) == (12, 3, 2)


def test_a_parameter_that_zero_3_has_spread_over_ranks() -> None:
    spread = Tensor(shape=(0,), dtype="torch.float32", requires_grad=True)
    spread.ds_shape = (5, 7)
    report = paramcount.count(Module(head=spread))
    assert (report.totals["trainable"], report.exact) == (12 + 35, True)


def test_a_model_of_keras_on_top_of_torch_is_one_of_keras() -> None:
    class Both(Module, Model):
        """Keras with PyTorch as its backend."""

    assert paramcount.count(Both()).format == "keras"


def test_a_live_model_of_keras() -> None:
    assert paramcount.count(Model()).totals["total"] == 25_636_712


def test_no_live_model() -> None:
    with pytest.raises(TypeError, match="int"):
        paramcount.describe(7)
    lazy = UninitializedParameter(shape=(), dtype="torch.float32", requires_grad=True)
    with pytest.raises(ValueError, match="lazy"):
        paramcount.describe(Module(lazy=lazy))


def test_names() -> None:
    for name in paramcount.__all__:
        assert getattr(paramcount, name) is not None
    with pytest.raises(AttributeError):
        paramcount.nothing  # noqa: B018
