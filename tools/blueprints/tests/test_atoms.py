"""The questions that a guard may ask: of a block's index only what code compared with numbers."""

from __future__ import annotations

from tools.blueprints.atoms import At, Domains, find_numbered_words, template
from tools.blueprints.phases import Fact, Phase
from tools.blueprints.symbolic import Trace
from tools.blueprints.terms import Term

LAYERS, DENSE, WIDTH = ("f", "layers"), ("f", "dense"), ("f", "width")


def run(layers: int, dense: int) -> Phase:
    trace = Trace(reads={(name, False) for name in ("layers", "dense", "width")})
    trace.number(layers, LAYERS)
    trace.branch(("<", ("i", 1), DENSE), dense > 1)
    trace.branch(("==", ("%", LAYERS, WIDTH), ("c", 0)), outcome=False)
    return Phase({"layers": layers, "dense": dense, "width": 2}, trace=trace)


def test_an_index_is_held_only_against_what_code_compared() -> None:
    phases = [run(3, 1), run(4, 2)]
    instances: set[tuple[str, int, At]] = set()
    for index, phase in enumerate(phases):
        instances |= {("h.{0}.w", index, (at,)) for at in range(phase.env["layers"])}
    compared = [one.term for one in Domains(phases, instances).of("h.{0}.w").literals]
    assert ("<", ("n", 0, 0), DENSE) in compared
    assert not [term for term in compared if {WIDTH, ("n", 0, 0)} <= set(_parts(term))]


def test_of_numbers_that_code_compared_with_numbers_an_index_is_held_against_those_that_pace_layers() -> None:
    phases = []
    for heads, period in ((1, 2), (2, 1)):
        trace = Trace()
        for name, field in (("heads", heads), ("expert_layer_period", period), ("start_token_index", heads)):
            trace.branch((">", ("f", name), ("c", 1)), field > 1)
        sizes = {"heads": heads, "expert_layer_period": period, "start_token_index": heads}
        phases.append(Phase({**sizes, "ratios": [8, 4 * heads], "sparse": [0, heads]}, trace=trace))
    instances: set[tuple[str, int, At]] = {("h.{0}.w", index, (at,)) for index in (0, 1) for at in (0, 1, 2)}
    compared = [one.term for one in Domains(phases, instances).of("h.{0}.w").literals]
    held = {part[1] for term in compared if ("n", 0, 0) in _parts(term) for part in _parts(term) if part[0] == "f"}
    assert held == {"expert_layer_period"}
    assert {term[1][1] for term in compared if term[0] == "t"} == {"sparse"}


def test_a_list_is_as_long_as_the_number_that_made_it() -> None:
    stated: Term = ("nspl", ("f", "kinds"), "|")
    phases = []
    instances: set[tuple[str, int, At]] = set()
    for index, (kinds, length, term) in enumerate(
        [(["a", "b"], 2, ("len", "kinds")), ("a|b", 2, stated), ("a", 1, stated), (["b", "a"], 2, ("len", "kinds"))]
    ):
        phases.append(Phase({"kinds": kinds}, {"kinds[]": Fact((length,), ("", False, ""), (term,))}))
        instances |= {("kinds[.{0}", index, (at,)) for at in range(length)}
    (count,) = Domains(phases, instances).of("kinds[.{0}").counts
    assert stated in count[1:]


def test_a_word_is_numbered_where_its_numbers_run_from_0_to_a_field() -> None:
    none = Fact((1,), ("", False, ""), (("c", 1),))
    few = {name: none for n in (1, 2) for name in (f"conv{n}.w", f"h.0.e_{n - 1}.w", f"h.0.level{n - 1}.w")}
    words = find_numbered_words([Phase({}, few), Phase({}, {**few, "h.0.e_2.w": none, "conv3.w": none})])
    assert words == {"", "e_"}
    assert template("h.3.e_2.w", words) == ("h.{0}.e_{1}.w", (3, 2))
    assert template("h.3.e_2", words) == ("h.{0}.e_2", (3,))
    assert template("conv3.level1.w", words) == ("conv3.level1.w", ())


def _parts(term: Term) -> list[Term]:
    return [term, *(inner for part in term[1:] if isinstance(part, tuple) for inner in _parts(part))]
