"""The assumptions of a blueprint: comparisons that had one outcome in every run, fields that never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paramcount.formats.huggingface.functions import ACTIVATIONS
from tools.blueprints.clauses import Inexpressible, activation, equal_to, only_words
from tools.blueprints.moves import counts_layers
from tools.blueprints.phases import Phase
from tools.blueprints.records import whole
from tools.blueprints.terms import Term, Unknown, mentions, paths, skeleton, text, value

_VARIED = 3
_SLOT = frozenset(("S",))
_NUMBERS = frozenset(("<", "<=", ">", ">=", "==", "!="))


def find_assumptions(phases: Sequence[Phase], never: frozenset[str] = frozenset()) -> list[str]:
    """The questions that were asked in these runs with one answer only, each as what must hold."""
    outcomes: dict[Term, set[bool]] = {}
    for phase in phases:
        for atom, seen in phase.trace.branches.items():
            outcomes.setdefault(skeleton(atom, []), set()).update(seen)
    clauses: dict[str, None] = dict.fromkeys(_looked_up(outcomes))
    same_form: dict[Term, set[Term]] = {}
    for atom in outcomes:
        same_form.setdefault(_drop_numbers(atom), set()).add(atom)
    for atom, seen in outcomes.items():
        if atom[0] == "==" and isinstance(atom[2][1], str) and seen == {True}:
            continue
        if len(seen) == 2 or _echo(atom, phases) or never.issuperset(paths(atom)):
            continue
        if mentions(atom, _SLOT):
            clauses.update(dict.fromkeys(_of_blocks(atom, phases)))
        elif whole(atom) and not _float_only(atom, phases):
            others = same_form[_drop_numbers(atom)]
            unseen = len(others) >= _VARIED and not any(others <= phase.trace.branches.keys() for phase in phases)
            clauses[_conditional(atom, next(iter(seen)), phases, unseen)] = None
    return [assumption for assumption in clauses if assumption]


def _looked_up(outcomes: Mapping[Term, set[bool]]) -> Iterator[str]:
    """Strings that are keys of a table: those that were looked up, and of activations all that hold no parameters."""
    compared: dict[Term, set[str]] = {}
    refuted: set[Term] = set()
    for atom, seen in outcomes.items():
        if atom[0] == "==" and atom[2][0] == "c" and isinstance(atom[2][1], str) and whole(atom):
            compared.setdefault(atom[1], set()).add(atom[2][1])
            if False in seen:
                refuted.add(atom[1])
    for term, words in compared.items():
        if term not in refuted:
            others = sorted(words - ACTIVATIONS)
            options = [activation(text(term))] if words & ACTIVATIONS else []
            options += [f"{text(term)} == {word!r}" for word in others]
            yield " or ".join(options)


def _echo(atom: Term, phases: Sequence[Phase]) -> bool:
    """A number compared with the length of what was made as long as it, or a word looked for in the list that it was
    taken from: each run asks of its own."""
    if atom[0] == "in" and atom[1][0] == "c" and atom[2][0] == "l":
        lookups = {
            other for phase in phases for other in phase.trace.branches if other[0] == "in" and other[2] == atom[2]
        }
        return len(lookups) > 1 and any(_answer(atom, phase) is False for phase in phases)
    if atom[0] not in _NUMBERS or atom[2][0] != "c" or not isinstance(atom[2][1], int) or atom[1][0] == "c":
        return False
    if not all(_equals(atom, phase) for phase in phases_that_compare(atom, phases)):
        return False
    # By run, what the number was compared with and equal to; a run may ask for more.
    equal_by_run: dict[int, set[int]] = {}
    for run, phase in enumerate(phases):
        for other in phase.trace.branches:
            if other[:2] == atom[:2] and other[2][0] == "c" and isinstance(other[2][1], int):
                equal_by_run.setdefault(run, set()).update({other[2][1]} if _equals(other, phase) else ())
    return all(equal_by_run.values()) and len(set().union(*equal_by_run.values())) > 1


def _equals(atom: Term, phase: Phase) -> bool:
    return _answer(("==", *atom[1:]), phase) is True


def _float_only(atom: Term, phases: Sequence[Phase]) -> bool:
    """Rates and tolerances: their bounds are checked by the framework, and they size nothing."""
    fields = list(paths(atom))
    return bool(fields) and all(
        isinstance(phase.env.get(path), float) or phase.env.get(path) is None for path in fields for phase in phases
    )


def _drop_numbers(term: Term) -> Term:
    """A term without its numbers: one that was computed unseen is another in each run."""
    if term[0] == "c":
        return ("c",) if isinstance(term[1], int) else term
    return (term[0], *(_drop_numbers(part) if isinstance(part, tuple) else part for part in term[1:]))


def _conditional(atom: Term, outcome: bool, phases: Sequence[Phase], unseen: bool) -> str:
    """An atom with its only answer; or what the runs have in common that never asked and would answer otherwise.
    Nothing where each run was asked the same of numbers of its own, that were computed `unseen`."""
    statement = text(atom) if outcome else text(("not", atom))
    silent = [phase for phase in phases if _answer(atom, phase) not in (None, outcome)]
    if not silent:
        return statement
    flags = {path for phase in phases for path, value in phase.env.items() if isinstance(value, bool)}
    for flag in sorted(flags):
        for state in (True, False):
            comparing = [phase for phase in phases if atom in phase.trace.branches]
            if all(p.env.get(flag) is state for p in silent) and not any(p.env.get(flag) is state for p in comparing):
                return f"{statement} or {'' if state else 'not '}{flag}"
    for path in sorted({path for phase in phases for path in phase.env}):
        if all(p.env.get(path) is None for p in silent) and all(
            p.env.get(path) is not None for p in phases_that_compare(atom, phases)
        ):
            return f"{statement} or {path} is None"
    return "" if unseen else statement


def phases_that_compare(atom: Term, phases: Sequence[Phase]) -> Iterator[Phase]:
    """The runs in which an atom was asked."""
    return (phase for phase in phases if atom in phase.trace.branches)


def _answer(atom: Term, phase: Phase) -> bool | None:
    try:
        return bool(value(atom, phase.env))
    except Unknown:
        return None


def _of_blocks(atom: Term, phases: Sequence[Phase]) -> Iterator[str]:
    """A question about blocks with one answer: fields in it that hardly changed must stay as they were."""
    for path in set(paths(atom)):
        values = {str(phase.env.get(path)): phase.env.get(path) for phase in phases}
        if any(isinstance(one, list) for one in values.values()) or len(values) >= _VARIED or counts_layers(path):
            continue
        yield _one_of(path, list(values.values()))


def _one_of(path: str, values: list[Any]) -> str:
    try:
        return " or ".join(equal_to(path, one) for one in values)
    except Inexpressible:
        return ""


def words(paths_: set[str], phases: Sequence[Phase]) -> Iterator[str]:
    """Lists of strings hold the words that were seen."""
    for path in sorted(paths_):
        lists = [phase.env[path] for phase in phases if isinstance(phase.env.get(path), list)]
        seen = {item for items in lists for item in items if isinstance(item, str)}
        if seen and all(isinstance(item, str) for items in lists for item in items):
            yield only_words(path, seen)
