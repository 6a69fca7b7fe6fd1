"""What is learned of a name: that something follows from its place alone, where its place alone explains it."""

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
    facts = {f"h.{place}.norm": none for place in range(blocks)} | {f"h.{place}.gate": none for place in present}
    return Phase({"period": period, "blocks": blocks}, facts, trace)


def guard(*phases: Phase) -> Term:
    learner = Learner(phases)
    (found,) = [entry.guard for entry in learner.learn() if entry.name == "h.{0}.gate"]
    assert not learner.failures
    return found


def test_blocks_that_are_always_as_many_differ_by_their_place() -> None:
    last_or_second_of_three = ("or", ("==", ("n", 0, 1), ("c", 7)), ("==", ("%", ("n", 0, 0), ("c", 3)), ("c", 1)))
    assert guard(run(3, 7, {1, 4, 6}), run(9, 7, {1, 4, 6})) == last_or_second_of_three


def test_a_field_that_explains_a_place_by_chance_is_not_asked() -> None:
    assert guard(run(3, 7, {0, 1, 2}), run(5, 7, {0, 1, 2})) == ("<", ("n", 0, 0), ("c", 3))


def test_a_field_that_decides_is_asked_all_the_same() -> None:
    assert guard(run(2, 6, {0, 2, 4}), run(3, 6, {0, 3})) == ("==", ("%", ("n", 0, 0), PERIOD), ("c", 0))


def test_blocks_that_are_not_always_as_many_are_told_by_a_rule() -> None:
    assert guard(run(2, 6, {0, 2, 4}), run(3, 4, {0, 2})) == ("==", ("%", ("n", 0, 0), ("c", 2)), ("c", 0))
