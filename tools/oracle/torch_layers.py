"""The torch formulas and the reader of print(model) against torch itself.

    python -m tools.oracle.torch_layers [SEED]

Replays every case table on the real module (meta device), reads its printed form, checks constructors against our
signatures and docs/torch.md for the classes that have no formula, and reads random nested models.
"""

from __future__ import annotations

import inspect
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from paramcount.counting.count import count
from paramcount.formats.torch import torch as read_text
from paramcount.model import block_ranges
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.rendering.fields import inexact
from paramcount.schema.registry import LAYERS, load_plugins
from tools import operators  # noqa: F401
from tools.cases.layers import Case, cases
from tools.oracle.refusals import check_refusal

DOCS = Path(__file__).parents[2] / "docs/torch.md"
HIDING = {"hidden_parameters", "hidden_arguments", "hidden_buffers", "lazy"}
"""Notices that allow a printed form to tell less than the module owns."""

Shapes = dict[str, list[int]]


def import_libraries() -> list[Any]:
    """Import torch.nn, then what of torchvision and timm is installed."""
    libraries: list[Any] = [nn, nn.modules.linear]
    for name in ("torchvision.ops", "timm.layers"):
        try:
            libraries.append(__import__(name, fromlist=["_"]))
        except ImportError:
            print(f"{name} is not installed: its classes are not replayed")
    return libraries


def module_class(name: str, libraries: list[Any]) -> Any:
    return next((getattr(library, name) for library in libraries if hasattr(library, name)), None)


def build(case_type: str, config: dict[str, Any], libraries: list[Any]) -> nn.Module:
    """The real module; a layer in a config is built first, and a loss takes its weights as tensors."""
    kind = case_type.removeprefix("torch.")
    made: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            inner = dict(value)
            made[name] = build(inner.pop("type"), inner, libraries)
        elif name.endswith("weight") and "Loss" in kind:
            made[name] = torch.tensor(value, dtype=torch.float32, device="cpu")
        else:
            made[name] = value
    module: nn.Module = module_class(kind, libraries)(**made)
    return module


def list_tensors(module: nn.Module) -> tuple[Shapes, Shapes, Shapes]:
    """Return a module's trainable weights, frozen weights and buffers, each with its shape."""
    weights = {n: list(p.shape) for n, p in module.named_parameters() if p.requires_grad}
    frozen = {n: list(p.shape) for n, p in module.named_parameters() if not p.requires_grad}
    return weights, frozen, {n: list(b.shape) for n, b in module.named_buffers()}


def flatten(row: Row, prefix: str = "") -> Iterator[tuple[str, str, list[int]]]:
    """Every tensor of a row with its path, repeats written out."""
    for tensor in row.tensors:
        yield prefix + tensor.name, tensor.role, list(tensor.shape)
    for child in row.children:
        for name in block_ranges.expand(child.name, 10_000) if child.repeat > 1 else [child.name]:
            yield from flatten(child, f"{prefix}{name}.")


def replay(case: Case, libraries: list[Any], accepted: Sequence[Case]) -> str:
    """Return how a case disagrees with torch, or ''."""
    if case.error:
        return check_refusal(lambda one: build_case(one, libraries), case, accepted)
    try:
        module = build_case(case, libraries)
    except Exception as error:  # noqa: BLE001 # any error of the real module is a disagreement
        return f"torch refuses it: {error}"
    real, expected = list_tensors(module), (case.tensors, case.frozen, case.buffers)
    if real != expected:
        return f"torch has {real}, the table {expected}"
    return compare_printed(module)


def build_case(case: Case, libraries: list[Any]) -> nn.Module:
    """Build the real module of a case, without memory for its weights."""
    with torch.device("meta"):
        return build(case.type, case.config, libraries)


def compare_printed(module: nn.Module) -> str:
    """Return how a module's printed form is read wrongly, where the text holds the answer."""
    report = count(read_text(str(module)))
    read = {name: (role, shape) for name, role, shape in flatten(report.root)}
    weights, frozen, buffers = list_tensors(module)
    real = {name: ("weight", shape) for name, shape in (weights | frozen).items()}
    real |= {name: ("buffer", shape) for name, shape in buffers.items()}
    if inexact(report) == ["buffers"]:
        real = {name: tensor for name, tensor in real.items() if tensor[0] == "weight"}
    return "" if hides_tensors(report) and not report.exact else differences(read, real)


def differences(read: Mapping[str, Any], real: Mapping[str, Any]) -> str:
    """Some of the tensors that a text reads otherwise."""
    names = [name for name in [*real, *(read.keys() - real.keys())] if read.get(name) != real.get(name)]
    return ", ".join(f"{name} is {real.get(name)} and reads {read.get(name)}" for name in names[:4])


def hides_tensors(report: Report) -> bool:
    return any(warning.code in HIDING for warning in report.warnings)


def constructor(kind: type) -> list[str]:
    """The arguments of a constructor, of a recurrent module's base where it passes everything on."""
    if issubclass(kind, nn.RNNBase):
        names = [name for name in inspect.signature(nn.RNNBase).parameters if name != "mode"]
        if kind is not nn.LSTM:
            names.remove("proj_size")  # which torch refuses there
        return [*names, "nonlinearity"] if kind is nn.RNN else names
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def compare_signature(name: str, libraries: list[Any]) -> str:
    """Return how a formula's arguments differ from the constructor's, or ''."""
    kind, layer = module_class(name.removeprefix("torch."), libraries), LAYERS[name]
    real = constructor(kind)
    if differing := (layer.signature.arguments | layer.signature.ignored) ^ set(real):
        return f"takes {sorted(differing)} differently"
    order = [p for p in real if p in layer.signature.arguments]
    if [p for p in inspect.signature(layer.formula).parameters if p in order] != order:
        return f"the order of its arguments is {order}"
    return ""


def list_uncovered() -> Iterator[str]:
    """torch.nn's classes without a formula and without a reason in the docs."""
    documented = set(re.findall(r"`(\w+)`", DOCS.read_text()))
    for name, kind in vars(nn).items():
        known = f"torch.{name}" in LAYERS or name in documented
        if not known and isinstance(kind, type) and issubclass(kind, nn.Module):
            yield name


class Net(nn.Module):  # type: ignore[misc, unused-ignore]
    """A module of a person's own, which owns nothing itself."""

    def __init__(self, children: list[nn.Module]) -> None:
        super().__init__()
        for number, child in enumerate(children):
            setattr(self, f"part{number}", child)


def random_model(chance: random.Random, leaves: list[Callable[[], nn.Module]], depth: int = 0) -> nn.Module:
    """A nested model of real modules."""
    if depth == 4 or chance.random() < 0.35 + 0.1 * depth:
        return chance.choice(leaves)()
    inner = [random_model(chance, leaves, depth + 1) for _ in range(chance.randint(0 if depth else 1, 4))]
    match chance.randrange(6):
        case 0:
            first = chance.choice(leaves)
            return nn.ModuleList([first() for _ in range(chance.randint(1, 12))] + inner)
        case 1:
            return nn.ModuleDict({f"key {number}": child for number, child in enumerate(inner)})
        case 2:
            return nn.DataParallel(nn.Sequential(*inner))
        case 3:
            return Net([*inner, nn.ParameterList([nn.Parameter(torch.empty(chance.randint(1, 4), 2))])])
        case 4:
            return nn.ModuleList([nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4)) for _ in range(3)])
        case _:
            return nn.Sequential(*inner)


def random_models(seed: int, libraries: list[Any], number: int = 400) -> Iterator[tuple[str, str]]:
    """Random models, each with why its text reads otherwise than it is."""
    chance = random.Random(seed)
    accepted = [case for case in cases("torch") if not case.error and case.replay]
    leaves: list[Callable[[], nn.Module]] = []
    for case in accepted:
        module = build_case(case, libraries)
        if not hides_tensors(count(read_text(str(module)))) and not any(
            not p.requires_grad for p in module.parameters()
        ):
            leaves.append(partial(build, case.type, case.config, libraries))
    for index in range(number):
        with torch.device("meta"):
            module = random_model(chance, leaves)
        yield f"random model {index} of seed {seed}", compare_weights(module)


def compare_weights(module: nn.Module) -> str:
    """Return how a module's text is read wrongly, whatever it says about unknown classes."""
    report = count(read_text(str(module)))
    read = {name: shape for name, role, shape in flatten(report.root) if role == "weight"}
    real = {name: list(parameter.shape) for name, parameter in module.named_parameters()}
    if read == real:
        return ""
    return (
        f"reads {[(n, read.get(n), real.get(n)) for n in read.keys() | real.keys() if read.get(n) != real.get(n)][:4]}"
    )


def main() -> int:
    warnings.simplefilter("ignore")
    load_plugins()
    libraries = import_libraries()
    replayed = [case for case in cases("torch") if case.replay]
    good = [(case, safely(replay, case, libraries, ())) for case in replayed if not case.error]
    accepted = [case for case, why in good if not why]
    refused = [(case, safely(replay, case, libraries, accepted)) for case in replayed if case.error]
    outcomes = [(f"case {case.id}", why) for case, why in (*good, *refused)]
    names = [name for name, kind in LAYERS.items() if name[:6] == "torch." and kind.origin[:11] == "paramcount."]
    outcomes += [(f"signature of {name}", compare_signature(name, libraries)) for name in names]
    outcomes += [
        (f"torch.nn.{name}", "has neither a formula nor a reason in docs/torch.md") for name in list_uncovered()
    ]
    outcomes += random_models(int(sys.argv[1]) if len(sys.argv) > 1 else 0, libraries)
    failed = [(what, why) for what, why in outcomes if why]
    for what, why in failed:
        print(f"{what}: {why}")
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def safely(check: Callable[..., str], *arguments: Any) -> str:
    """Run a check; a document that Paramcount refuses is a disagreement too."""
    try:
        return check(*arguments)
    except Problems as problems:
        return f"Paramcount refuses it: {[error.detail for error in problems.problems]}"


if __name__ == "__main__":
    sys.exit(main())
