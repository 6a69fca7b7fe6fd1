"""Layers that are wired by name: each ref is answered, and refs to layers of many outputs are bounded."""

from __future__ import annotations

import pytest

from paramcount.counting.graph import WiringBudget, evaluate
from paramcount.model import budget
from paramcount.model.errors import TooLarge
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.tensors import Output


def _picking(outputs: int, picks: int) -> Layer:
    """A graph in which so many layers each take one output of a layer of many."""
    takers = tuple(
        Layer(f"take{index}", "Identity", calls=(Call((Ref("many", 0, index % outputs),)),)) for index in range(picks)
    )
    last = Ref(takers[-1].name)
    return Layer("", "Model", children=(Layer("many", "Split"), *takers), graph=Graph((), last))


def _evaluate(outputs: int, picks: int) -> list[tuple[str, Output]]:
    """Evaluate that graph; returns what entered each of these layers."""
    entered: list[tuple[str, Output]] = []

    def run(layer: Layer, call: Call) -> Output:
        if layer.name == "many":
            return [(None, index) for index in range(outputs)]
        entered.append((layer.name, call.args[0]))
        return call.args[0]

    evaluate(_picking(outputs, picks), Call(), run, WiringBudget())
    return entered


def test_each_layer_takes_the_output_that_it_names() -> None:
    assert _evaluate(3, 4) == [
        ("take0", (None, 0)),
        ("take1", (None, 1)),
        ("take2", (None, 2)),
        ("take3", (None, 0)),
    ]


@pytest.mark.parametrize(("outputs", "picks", "is_refused"), [(100, 999, False), (100, 1_001, True), (2, 5_001, False)])
def test_many_layers_of_many_outputs_take_what_the_request_may(outputs: int, picks: int, is_refused: bool) -> None:
    budget.set_request_bytes(0)  # the least that any request may: 100,000 outputs to pick from
    try:
        if is_refused:
            with pytest.raises(TooLarge, match="fed by more outputs each"):
                _evaluate(outputs, picks)
        else:
            assert len(_evaluate(outputs, picks)) == picks
    finally:
        budget.set_request_bytes(float("inf"))
