"""The facts learned of a name: that something follows from its index alone, where its index alone explains it."""

from __future__ import annotations

from tools.blueprints.learning import Learner
from tools.blueprints.phases import Fact, Phase
from tools.blueprints.symbolic import Trace
from tools.blueprints.terms import Term

PERIOD: Term = ("f", "period")


def run(period: int, blocks: int, present: set[int]) -> Phase:
    """Blocks with a norm each, and a gate in some."""
    trace = Trace(reads={("period", False), ("blocks", False)})
    trace.branch((">", PERIOD, ("c", 1)), period > 1)
    none = Fact((4,), ("", False, ""), (("c", 4),))
    facts = {f"h.{index}.norm": none for index in range(blocks)} | {f"h.{index}.gate": none for index in present}
    return Phase({"period": period, "blocks": blocks}, facts, trace)


def guard(*phases: Phase) -> Term:
    learner = Learner(phases)
    (learned,) = [entry.guard for entry in learner.learn() if entry.name == "h.{0}.gate"]
    assert not learner.failures
    return learned


def test_a_fixed_number_of_blocks_differ_by_their_index() -> None:
    last_or_second_of_three = ("or", ("==", ("n", 0, 1), ("c", 7)), ("==", ("%", ("n", 0, 0), ("c", 3)), ("c", 1)))
    assert guard(run(3, 7, {1, 4, 6}), run(9, 7, {1, 4, 6})) == last_or_second_of_three


def test_a_field_that_explains_an_index_by_chance_is_not_used() -> None:
    assert guard(run(3, 7, {0, 1, 2}), run(5, 7, {0, 1, 2})) == ("<", ("n", 0, 0), ("c", 3))


def test_a_field_that_decides_is_used_all_the_same() -> None:
    assert guard(run(2, 6, {0, 2, 4}), run(3, 6, {0, 3})) == ("==", ("%", ("n", 0, 0), PERIOD), ("c", 0))


def test_a_varying_number_of_blocks_follows_a_rule() -> None:
    assert guard(run(2, 6, {0, 2, 4}), run(3, 4, {0, 2})) == ("==", ("%", ("n", 0, 0), ("c", 2)), ("c", 0))
