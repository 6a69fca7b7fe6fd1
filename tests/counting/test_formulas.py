"""Formulas of plug-ins: what they yield and return is checked, and each fault names the layer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count as count_up
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount import Dim, Formula, Input, Tensor, axis_length, layer, require
from paramcount.counting import evaluate
from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.budget import ComputationEnded
from paramcount.model.cache import Cache
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema import registry
from paramcount.schema.registry import LAYERS
from service.app import create_app
from tests.cli.conftest import Run, run  # noqa: F401


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Return a function that registers a formula as the layer acme.Gate."""
    before = dict(LAYERS)

    def add(formula: Any) -> None:
        monkeypatch.setattr(LAYERS, "closed", False)
        formula.__module__ = "acme"
        layer("acme.Gate")(formula)

    monkeypatch.setitem(registry._DIALECTS, "acme", None)  # noqa: SLF001
    monkeypatch.setattr(evaluate, "_RESULTS", Cache())  # results of another formula of that name
    yield add
    LAYERS.clear()
    LAYERS.update(before)


DOCUMENT: dict[str, Any] = {
    "input_shape": [3],
    "layers": [{"type": "acme.Gate", "units": 4}, {"type": "Dense", "units": 1}],
}


def report() -> Report:
    return count(read(DOCUMENT, detect(DOCUMENT)))


def sound(inputs: Input, units: Dim) -> Formula:
    yield Tensor("kernel", (axis_length(inputs), units))
    return (*inputs[:-1], units)


def without_weights(inputs: Input, units: Dim) -> Formula:
    yield from ()
    return (*inputs[:-1], units)


def without_inputs(units: Dim) -> Formula:
    yield Tensor("kernel", (units,), "buffer", "I64")


def no_yield(inputs: Input, units: Dim) -> Formula:
    return (*inputs[:-1], units)  # type: ignore[return-value]


def no_return(inputs: Input, units: Dim) -> Formula:
    yield Tensor("kernel", (axis_length(inputs), units))


def one_name_twice(inputs: Input, units: Dim) -> Formula:
    yield Tensor("W", (axis_length(inputs), units))
    yield Tensor("W", (units,))
    return inputs


def division(inputs: Input, units: Dim) -> Formula:
    yield Tensor("W", (units // 0,))
    return inputs


def no_tensor(inputs: Input, units: Dim) -> Formula:
    yield (axis_length(inputs), units)  # type: ignore[misc]
    return inputs


def not_from(inputs: Input, units: Dim) -> Formula:
    yield sound(inputs, units)  # type: ignore[misc]
    return inputs


def yields(tensor: Tensor) -> Callable[..., Formula]:
    def formula(inputs: Input, units: Dim) -> Formula:  # noqa: ARG001
        yield tensor
        return inputs

    return formula


def returns(output: Any) -> Callable[..., Formula]:
    def formula(inputs: Input, units: Dim) -> Formula:  # noqa: ARG001
        yield from ()
        return output

    return formula


def endless(inputs: Input, units: Dim) -> Formula:  # noqa: ARG001
    for number in count_up():
        yield Tensor(f"w{number}", ())


def recursion(inputs: Input, units: Dim) -> Formula:
    yield from recursion(inputs, units)


class NoText(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def raises(error: BaseException) -> Callable[..., Formula]:
    def formula(inputs: Input, units: Dim) -> Formula:
        yield Tensor("W", (units,))
        raise error
        return inputs

    return formula


FAULTS = [
    (raises(SystemExit(0)), "raises SystemExit: 0"),
    (raises(GeneratorExit()), "raises GeneratorExit"),
    (raises(NoText()), "raises "),
    (raises(ValueError("\ud800")), "raises ValueError: \\ud800"),
    (yields(Tensor("\ud800", (1,))), 'yields a tensor named "\\ud800"'),
    (no_yield, "returns (None, 4) and yields nothing: begin it with `yield from ()`"),
    (no_return, "returns no output shape: end it with `return`"),
    (one_name_twice, 'yields two tensors named "W"'),
    (division, "raises ZeroDivisionError: integer division or modulo by zero"),
    (no_tensor, "yields (3, 4), which is no Tensor"),
    (not_from, "which is no Tensor"),
    (endless, "yields more than 100,000 tensors: does it end?"),
    (recursion, "raises RecursionError"),
    (yields(Tensor("", (1,))), 'yields a tensor named ""'),
    (yields(Tensor(None, (1,))), "yields a tensor named null"),  # type: ignore[arg-type]
    (yields(Tensor("W", [1, 2])), '"W" of the shape [1, 2], which is no tuple of integers'),  # type: ignore[arg-type]
    (yields(Tensor("W", (-1,))), '"W" of the shape (-1,)'),
    (yields(Tensor("W", (2.0,))), '"W" of the shape (2.0,)'),  # type: ignore[arg-type]
    (yields(Tensor("W", (True,))), '"W" of the shape (True,)'),
    (yields(Tensor("W", (None,))), '"W" of the shape (None,)'),  # type: ignore[arg-type]
    (yields(Tensor("W", (1,), "bias")), '"W" of the role "bias"'),  # type: ignore[arg-type]
    (yields(Tensor("W", (1,), dtype="float32")), '"W" of the dtype "float32"'),
    (returns(4), "returns 4, which is no shape"),
    (returns([None, 4]), "returns [None, 4], which is no shape"),
    (returns((None, 4.0)), "which is no shape"),
    (returns((None, -4)), "which is no shape"),
    (returns("4"), 'returns "4", which is no shape'),
    (returns({"out": (None, "4")}), "returns an object, which is no shape"),
]


@pytest.mark.parametrize(("formula", "trainable"), [(sound, 12 + 5), (without_weights, 5)])
def test_sound_formulas(register: Callable[[Any], None], formula: Any, trainable: int) -> None:
    register(formula)
    assert report().root.totals.trainable == trainable


def test_a_formula_without_inputs_returns_nothing(register: Callable[[Any], None]) -> None:
    register(without_inputs)
    document = {"layers": [{"type": "acme.Gate", "units": 4}]}
    assert count(read(document, detect(document))).root.totals.buffers == 4


@pytest.mark.parametrize(("formula", "detail"), FAULTS)
def test_faults(register: Callable[[Any], None], formula: Any, detail: str) -> None:
    register(formula)
    with pytest.raises(Problems) as refused:
        report()
    (problem,) = refused.value.problems  # and none of the layer after it
    assert (problem.pointer, problem.code) == ("/layers/0", "faulty_formula")
    assert problem.detail.startswith('the formula of the plug-in layer "acme.Gate" (in acme) ')
    assert detail in problem.detail


@pytest.mark.parametrize("ending", [KeyboardInterrupt, ComputationEnded])
def test_what_ends_a_computation_is_no_fault(register: Callable[[Any], None], ending: type[BaseException]) -> None:
    register(raises(ending()))
    with pytest.raises(ending):
        report()


def test_an_interrupt_in_another_thread_is_a_fault(register: Callable[[Any], None]) -> None:
    register(raises(KeyboardInterrupt()))
    with ThreadPoolExecutor(1) as pool, pytest.raises(Problems) as refused:
        pool.submit(report).result()
    assert "raises KeyboardInterrupt" in refused.value.problems[0].detail


def test_a_formula_that_yields_slowly_ends_with_the_request(
    register: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(endless)
    clock = count_up()
    monkeypatch.setattr("paramcount.counting.formulas.monotonic", lambda: float("inf") if next(clock) > 2 else 0.0)
    with pytest.raises(Problems, match="the payload has problems") as refused:
        report()
    assert "when the time of the request is over" in refused.value.problems[0].detail


def test_problems_of_a_payload_are_no_faults(register: Callable[[Any], None]) -> None:
    def refuses(inputs: Input, units: Dim) -> Formula:
        require(units > 100, "must be large", "units")
        yield from ()
        return inputs

    register(refuses)
    with pytest.raises(Problems) as refused:
        report()
    assert [(each.pointer, each.code) for each in refused.value.problems] == [("/layers/0/units", "invalid_config")]


def test_a_fault_over_http(register: Callable[[Any], None], caplog: pytest.LogCaptureFixture) -> None:
    register(division)
    client: FlaskClient = create_app().test_client()
    answer: Any = client.post("/v1/count/native", json=DOCUMENT)
    assert answer.status_code == 422
    assert "acme.Gate" in answer.json["errors"][0]["detail"]
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_a_fault_on_the_command_line(register: Callable[[Any], None], run: Run, tmp_path: Any) -> None:  # noqa: F811
    register(no_yield)
    file = tmp_path / "model.json"
    file.write_text('{"input_shape": [3], "layers": [{"type": "Gate", "units": 4}]}')
    ended = run("count", str(file))
    assert ended.status == 2
    assert '"acme.Gate" (in acme) returns (None, 4) and yields nothing' in ended.err


def test_a_printed_layer_of_a_plugin(register: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(units: Dim) -> Formula:
        yield units  # type: ignore[misc]

    register(faulty)
    monkeypatch.setitem(LAYERS, "torch.Gate", LAYERS["acme.Gate"])
    text = "Gate(\n  units=4\n  (inner): ReLU()\n)"
    with pytest.raises(Problems) as refused:
        count(read(text, detect(text)))
    assert "acme.Gate" in refused.value.problems[0].detail


def test_a_crash_is_no_failed_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(sys.modules, "paramcount.cli.commands", SimpleNamespace(run=lambda _: int("a file")))
    ended = run("count", "model.json")
    assert ended.status == 3
    assert "ValueError" in ended.err
    assert "this is our mistake" in ended.err
