"""Random adapters, put into small models by PEFT and counted: compares trainable, all, every name and every shape.

    python -m tools.oracle.adapters [--cases 400] [--seed 0] [--kinds LORA,IA3] [--bases llama] [--write]

`--write` keeps some of the cases, with PEFT's totals, as tests/golden/adapters.json.
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
from paramcount.model.tensors import Tensor
from paramcount.requests.count import count_request
from paramcount.requests.envelope import load_envelope
from paramcount.schema.registry import load_plugins
from tools.blueprints import framework
from tools.oracle.adapter_bases import BASES
from tools.oracle.adapter_configs import DRAWERS, PROMPTS, draw_config

_GOLDEN = Path(__file__).parents[2] / "tests/golden/adapters.json"
_PREFIX = re.compile(r"^base_model\.(model\.)?")
_WRAPPERS = re.compile(r"(token_adapter\.base_layer|base_layer|original_module)\.")

warnings.filterwarnings("ignore")


class Parameter(NamedTuple):
    """A parameter of an adapted model."""

    names: frozenset[str]
    shape: tuple[int, ...]
    trainable: bool


class PeftResult(NamedTuple):
    """The result of PEFT for an adapter: the parameters; or why it refuses."""

    parameters: tuple[Parameter, ...] = ()
    refusal: str = ""

    @property
    def totals(self) -> tuple[int, int]:
        """Trainable and all."""
        trainable = sum(prod(parameter.shape) for parameter in self.parameters if parameter.trainable)
        return trainable, sum(prod(parameter.shape) for parameter in self.parameters)


class CountResult(NamedTuple):
    """The result of Paramcount for an adapter: a report; or why it refuses."""

    report: Report | None = None
    refusal: str = ""

    @property
    def totals(self) -> tuple[int, int]:
        """Trainable and all."""
        assert self.report is not None
        totals = self.report.root.totals
        return totals.trainable, totals.trainable + totals.frozen


def build_model(name: str) -> Any:
    """Build a small model, with weights: DoRA and others compute with them."""
    model_type, class_name, members = BASES[name]
    framework.torch.manual_seed(0)
    config = framework.config_class(model_type).from_dict(copy.deepcopy(members))
    return framework.model_class(model_type, class_name)(config)


def is_counted_as_built(name: str, model: Any) -> bool:
    """Return whether the bare model is counted as the framework does; only then can an adapter be compared."""
    result = count_adapter(make_config(name), "huggingface", None)
    return result.report is not None and result.totals[1] == sum(one.numel() for one in model.parameters())


def make_config(name: str) -> dict[str, Any]:
    """Return the config.json of a small model."""
    model_type, class_name, members = BASES[name]
    return {**members, "architectures": [class_name], "model_type": model_type}


def run_peft(model: Any, config: Mapping[str, Any]) -> PeftResult:
    """Put an adapter into a copy of the model with PEFT itself."""
    import peft  # noqa: PLC0415 # after the framework, which lets transformers import

    try:
        members = copy.deepcopy({name: value for name, value in config.items() if value is not None})
        adapted = peft.get_peft_model(copy.deepcopy(model), peft.get_peft_config(members))
    except Exception as error:  # noqa: BLE001 # whatever PEFT raises
        return PeftResult(refusal=f"{type(error).__name__}: {error}"[:300])
    names: dict[int, set[str]] = {}
    parameters = {}
    for name, parameter in adapted.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).update(_strip_wrappers(name, config))
        parameters[id(parameter)] = parameter
    result = PeftResult(
        tuple(Parameter(frozenset(names[key]), tuple(p.shape), p.requires_grad) for key, p in parameters.items())
    )
    assert result.totals == adapted.get_nb_trainable_parameters()
    return result


def _strip_wrappers(name: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a name without PEFT's prefix of every model, and without its wrappers of a module, which a report omits."""
    bare = name.removeprefix("base_model.") if config["peft_type"] in PROMPTS else _PREFIX.sub("", name)
    yield bare
    yield _WRAPPERS.sub("", bare)


def count_adapter(payload: Any, format_name: str, config: Mapping[str, Any] | None) -> CountResult:
    """Count a document with an adapter in it, or bare."""
    adapter = {} if config is None else {"adapter": config}
    try:
        request = load_envelope({"architecture": payload, "format": format_name, **adapter})
        return CountResult(count_request(request, Limits()))
    except Problems as problems:
        return CountResult(refusal="; ".join(f"{one.pointer} {one.detail}" for one in problems.problems)[:300])


def list_weights(row: Row, prefix: str = "") -> Iterator[Tensor]:
    """Yield every counted weight by its full name, copies of blocks included."""
    for tensor in row.tensors:
        if tensor.role == "weight" and not tensor.tied_to:
            yield tensor._replace(name=prefix + tensor.name)
    for child in row.children:
        for name in block_ranges.expand(child.name, 10_000) if child.repeat > 1 else [child.name]:
            yield from list_weights(child, f"{prefix}{name}.")


def compare(expected: PeftResult, result: CountResult, by_name: bool = True) -> tuple[str, str]:
    """Return a verdict and its reason: right, refused (both), not exact, lenient (only PEFT refuses), or WRONG."""
    if result.refusal:
        return ("refused", "") if expected.refusal else ("not exact", result.refusal)
    if expected.refusal:
        return "lenient", expected.refusal
    assert result.report is not None
    if result.totals != expected.totals:
        return ("WRONG" if result.report.exact else "not exact"), f"{result.totals} {expected.totals}"
    if not result.report.exact:
        return "not exact", next(warning.detail for warning in result.report.warnings if not warning.exact)
    return _compare_weights(expected, result.report) if by_name else ("right", "")


def _compare_weights(expected: PeftResult, report: Report) -> tuple[str, str]:
    parameters = {name: parameter for parameter in expected.parameters for name in parameter.names}
    for tensor in list_weights(report.root):
        parameter = parameters.get(tensor.name)
        if parameter is None:
            return "WRONG", f"{tensor.name}: no such parameter"
        if (parameter.shape, parameter.trainable) != (tensor.shape, tensor.trainable):
            return "WRONG", f"{tensor.name} {tensor.shape} {tensor.trainable}: {parameter.shape} {parameter.trainable}"
    return "right", ""


def make_manifest(model: Any) -> dict[str, Any]:
    """Return a model as a `tensors` document."""
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
    models = {name: build_model(name) for name in (options.bases.split(",") if options.bases else BASES)}
    for name in [name for name, model in models.items() if not is_counted_as_built(name, model)]:
        print(f"{name}: without an adapter it is not counted as it is built; left out")
        del models[name]
    peft_types = options.kinds.split(",") if options.kinds else list(DRAWERS)
    counts: dict[str, Counter[str]] = {}
    right = []
    for number in range(options.cases):
        name = chance.choice(list(models))
        config = draw_config(chance, peft_types[number % len(peft_types)], name, models[name])
        expected = run_peft(models[name], config)
        documents: dict[str, Any] = {"huggingface": make_config(name)}
        if number % 3 == 0:
            documents |= {"tensors": make_manifest(models[name]), "torch": str(models[name])}
        for format_name, payload in documents.items():
            is_config = format_name == "huggingface"
            verdict, reason = compare(expected, count_adapter(payload, format_name, config), by_name=is_config)
            counts.setdefault(f"{config['peft_type']:24} {format_name}", Counter())[verdict] += 1
            if verdict in options.show.split(","):
                print(f"{verdict} {name} {format_name} {json.dumps(config)}\n    {reason}", flush=True)
            if is_config and verdict == "right":
                trainable, everything = expected.totals
                right.append({"base": payload, "adapter": config, "trainable": trainable, "all": everything})
    for label, verdicts in sorted(counts.items()):
        print(f"{label:40} {dict(verdicts)}")
    total = sum(counts.values(), Counter())
    print(f"{sum(total.values())} cases: {dict(total)}")
    if options.write:
        lines = ",\n".join(json.dumps(case) for case in right[:: max(1, len(right) // 150)])
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
