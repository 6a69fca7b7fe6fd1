"""Random adapters put into small models by PEFT itself, and by us: trainable, all, every name and every shape.

    python -m tools.oracle.adapters [--cases 400] [--seed 0] [--kinds LORA,IA3] [--bases llama] [--write]

`--write` keeps some of the cases, with what PEFT says of them, as tests/golden/adapters.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from paramcount.model import block_ranges
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.requests.count import count_envelope
from paramcount.requests.envelope import load_envelope
from paramcount.schema.registry import load_plugins
from tools.blueprints import framework
from tools.oracle.adapter_bases import BASES
from tools.oracle.adapter_configs import KINDS, PROMPTS, drawn

_GOLDEN = Path(__file__).parents[2] / "tests/golden/adapters.json"
_PREFIX = re.compile(r"^base_model\.(model\.)?")
_AROUND = re.compile(r"(token_adapter\.base_layer|base_layer|original_module)\.")

warnings.filterwarnings("ignore")


class Truth(NamedTuple):
    """What PEFT makes of it: each parameter by all of its names; or why it does not."""

    parameters: tuple[tuple[frozenset[str], tuple[int, ...], bool], ...] = ()
    refusal: str = ""

    @property
    def totals(self) -> tuple[int, int]:
        sizes = [(prod(shape), trains) for _, shape, trains in self.parameters]
        return sum(size for size, trains in sizes if trains), sum(size for size, _ in sizes)


class Ours(NamedTuple):
    """What we make of it."""

    report: Report | None = None
    refusal: str = ""

    @property
    def totals(self) -> tuple[int, int]:
        assert self.report is not None
        found = self.report.root.totals
        return found.trainable, found.trainable + found.frozen


def built(name: str) -> Any:
    """A small model, with weights: DoRA and others compute with them."""
    model_type, class_name, members = BASES[name]
    framework.torch.manual_seed(0)
    config = framework.config_class(model_type).from_dict(copy.deepcopy(members))
    return framework.model_class(model_type, class_name)(config)


def as_built(name: str, model: Any) -> bool:
    """Whether we count the bare model as the framework does: what an adapter makes of another is no use."""
    found = ours(document(name), "huggingface", None)
    return found.report is not None and found.totals[1] == sum(one.numel() for one in model.parameters())


def document(name: str) -> dict[str, Any]:
    """The config.json of a small model."""
    model_type, class_name, members = BASES[name]
    return {**members, "architectures": [class_name], "model_type": model_type}


def truth(model: Any, config: Mapping[str, Any]) -> Truth:
    """What PEFT makes of the model with this adapter_config.json."""
    import peft  # noqa: PLC0415 # after the framework, which lets transformers import

    try:
        given = {name: value for name, value in config.items() if value is not None}
        made = peft.get_peft_model(copy.deepcopy(model), peft.get_peft_config(dict(given)))
    except Exception as error:  # noqa: BLE001 # whatever PEFT raises
        return Truth(refusal=f"{type(error).__name__}: {error}"[:300])
    names: dict[int, set[str]] = {}
    parameters = {}
    for name, parameter in made.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).update(stripped(name, config))
        parameters[id(parameter)] = parameter
    trainable, everything = made.get_nb_trainable_parameters()
    found = Truth(tuple((frozenset(names[key]), tuple(p.shape), p.requires_grad) for key, p in parameters.items()))
    assert found.totals == (trainable, everything)
    return found


def stripped(name: str, config: Mapping[str, Any]) -> Iterator[str]:
    """A name without what PEFT puts around every model; and one without what it puts around a module: ours keep their
    places."""
    bare = name.removeprefix("base_model.") if config["peft_type"] in PROMPTS else _PREFIX.sub("", name)
    yield bare
    yield _AROUND.sub("", bare)


def ours(payload: Any, form: str, config: Mapping[str, Any] | None) -> Ours:
    """What we make of a document with this adapter."""
    adapter = {} if config is None else {"adapter": config}
    try:
        asked = load_envelope({"architecture": payload, "format": form, **adapter})
        return Ours(count_envelope(asked, Limits()))
    except Problems as problems:
        return Ours(refusal="; ".join(f"{one.pointer} {one.detail}" for one in problems.problems)[:300])


def tensors(row: Row, prefix: str = "") -> Iterator[tuple[str, tuple[int, ...], bool]]:
    """Every counted weight of a report, copies written out."""
    for tensor in row.tensors:
        if tensor.role == "weight" and not tensor.tied_to:
            yield prefix + tensor.name, tensor.shape, tensor.trainable
    for child in row.children:
        for name in block_ranges.expand(child.name, 10_000) if child.repeat > 1 else [child.name]:
            yield from tensors(child, f"{prefix}{name}.")


def verdict(expected: Truth, found: Ours, by_name: bool = True) -> tuple[str, str]:
    """right, refused (both), said so, lenient (PEFT refuses), or WRONG; and why."""
    if found.refusal:
        return ("refused", "") if expected.refusal else ("said so", found.refusal)
    if expected.refusal:
        return "lenient", expected.refusal
    assert found.report is not None
    if found.totals != expected.totals:
        return ("WRONG" if found.report.exact else "said so"), f"{found.totals} {expected.totals}"
    if not found.report.exact:
        return "said so", next(n.detail for n in found.report.warnings if not n.exact)
    return _names(expected, found.report) if by_name else ("right", "")


def _names(expected: Truth, report: Report) -> tuple[str, str]:
    waiting = {name: one for one in expected.parameters for name in one[0]}
    for name, shape, trains in tensors(report.root):
        one = waiting.get(name)
        if one is None or one[1:] != (shape, trains):
            return "WRONG", f"{name} {shape} {trains}: {one[1:] if one else 'no such parameter'}"
    return "right", ""


def manifest(model: Any) -> dict[str, Any]:
    """A model as a `tensors` document."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {
        "parameters": {
            name: {"shape": list(parameter.shape), "requires_grad": parameter.requires_grad}
            for name, parameter in model.named_parameters(remove_duplicate=False)
        },
        "tied": [group for group in names.values() if len(group) > 1],
    }


def main() -> int:
    """Exit status 1 when anything is WRONG."""
    options = _options()
    load_plugins()
    chance = random.Random(options.seed)
    models = {name: built(name) for name in (options.bases.split(",") if options.bases else BASES)}
    for name in [name for name, model in models.items() if not as_built(name, model)]:
        print(f"{name}: without an adapter it is not counted as it is built; left out")
        del models[name]
    kinds = options.kinds.split(",") if options.kinds else list(KINDS)
    counts: dict[str, Counter[str]] = {}
    kept = []
    for number in range(options.cases):
        name = chance.choice(list(models))
        config = drawn(chance, kinds[number % len(kinds)], name, models[name])
        expected = truth(models[name], config)
        payload = document(name)
        views = {"huggingface": payload, "tensors": manifest(models[name]), "torch": str(models[name])}
        for form in views if number % 3 == 0 else ("huggingface",):
            found = ours(views[form], form, config)
            which, why = verdict(expected, found, by_name=form == "huggingface")
            counts.setdefault(f"{config['peft_type']:24} {form}", Counter())[which] += 1
            if which in options.show.split(","):
                print(f"{which} {name} {form} {json.dumps(config)}\n    {why}", flush=True)
            if form == "huggingface" and which == "right":
                kept.append(
                    {"base": payload, "adapter": config, "trainable": expected.totals[0], "all": expected.totals[1]}
                )
    for form, found_ in sorted(counts.items()):
        print(f"{form:40} {dict(found_)}")
    total = sum(counts.values(), Counter())
    print(f"{sum(total.values())} cases: {dict(total)}")
    if options.write:
        lines = ",\n".join(json.dumps(case) for case in kept[:: max(1, len(kept) // 150)])
        _GOLDEN.write_text(f"[\n{lines}\n]\n")
    return 1 if total["WRONG"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.oracle.adapters", description=__doc__)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--bases", default="")
    parser.add_argument("--show", default="WRONG", help="verdicts to print, as WRONG,lenient")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
