"""The field that is left as it is where something could not be learned: the one that it follows from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tools.blueprints.causes import find_cause
from tools.blueprints.phases import Fact, Phase, Run

BASE = {"factor": 8, "width": 4, "blocks": 3}


def run(**changes: Any) -> Run:
    """Blocks as wide as a config says, and convolutions whose number follows from a factor."""
    config = BASE | changes
    shapes = {f"h.{index}.weight": config["width"] for index in range(config["blocks"])}
    shapes |= {f"conv.{index}.weight": config["width"] for index in range(config["factor"].bit_length() - 1)}
    facts = {name: Fact((width,), ("", False, ""), (("?", width),)) for name, width in shapes.items()}
    return Run(changes, Phase(config), Phase(config, facts))


def explorer(*runs: Run, start: tuple[str, ...] = (), pinned: tuple[str, ...] = ()) -> Any:
    first = run(blocks=2)
    return SimpleNamespace(first=first, runs=[first, *runs], start=dict.fromkeys(start), pinned=set(pinned))


FACTOR, WIDTH, BOTH = run(blocks=2, factor=16), run(blocks=2, width=6), run(blocks=2, factor=4, width=6)


@pytest.mark.parametrize(
    ("failure", "runs", "pinned", "cause"),
    [
        ("presence of conv.{0}.weight", (WIDTH, FACTOR), (), {"factor"}),  # whether one is there
        ("how many conv.", (WIDTH, FACTOR), (), {"factor"}),
        ("shape of conv.{0}.weight", (WIDTH, FACTOR), (), {"factor"}),  # of less than the width sizes
        ("shape of h.{0}.weight", (WIDTH, FACTOR), (), {"width"}),
        ("presence of h.{0}.weight", (WIDTH, FACTOR), (), set()),  # the number of blocks was made small
        ("presence of conv.{0}.weight", (WIDTH, BOTH), (), set()),  # two changes at once say nothing of one
        ("presence of conv.{0}.weight", (FACTOR,), ("factor",), set()),  # it is left as it is already
        ("presence of other.weight", (WIDTH, FACTOR), (), set()),
        ("a list of lists", (WIDTH, FACTOR), (), set()),
    ],
)
def test_the_cause_is_a_field_that_alone_changed_it(
    failure: str, runs: tuple[Run, ...], pinned: tuple[str, ...], cause: set[str]
) -> None:
    assert find_cause([failure], explorer(*runs, pinned=pinned)) == cause


def test_the_number_of_blocks_is_not_left_small() -> None:
    deeper = run(blocks=3)
    assert find_cause(["presence of h.{0}.weight"], explorer(deeper)) == set()
