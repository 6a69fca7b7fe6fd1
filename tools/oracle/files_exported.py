"""Exported programs, TorchScript, distributed checkpoints of random modules; published architectures pickled whole.

python -m tools.oracle.files_exported [MODULES] [SEED] [ARCHITECTURES: every n-th]
"""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import nn

from paramcount.schema.registry import load_plugins
from tools import operators  # noqa: F401 # before torchvision, which timm imports
from tools.oracle.files import Check, count_failures, of_path, tensors
from tools.oracle.files_pickled import compare_module, count_distinct

import timm  # isort: skip
import torchvision  # isort: skip

MODULES, EVERY = 12, 60


def _make_stack(rng: random.Random) -> tuple[nn.Module, torch.Tensor]:
    """A module that can be traced and exported, and its input."""
    width = rng.randint(2, 6)
    layers: list[nn.Module] = []
    entry = torch.randn(3, width)
    for _ in range(rng.randint(1, 5)):
        out = rng.randint(1, 6)
        layers.append(
            rng.choice(
                (
                    nn.Linear(width, out, bias=rng.random() < 0.7),
                    nn.Sequential(nn.Linear(width, out), nn.BatchNorm1d(out), nn.ReLU()),
                    nn.Sequential(nn.LayerNorm(width), nn.Linear(width, out), nn.PReLU()),
                )
            )
        )
        width = out
    module = nn.Sequential(*layers)
    if rng.random() < 0.3:
        twin = nn.Linear(width, width)
        module.extend([twin, nn.ReLU(), twin])
    if rng.random() < 0.3:
        module.to(torch.bfloat16)
        entry = entry.to(torch.bfloat16)
    for parameter in module.parameters():
        parameter.requires_grad_(rng.random() < 0.8)
    return module.eval(), entry


def _check_export(module: nn.Module, entry: torch.Tensor, file: Path) -> Check:
    program = torch.export.export(module, (entry,))
    torch.export.save(program, file)
    state = torch.export.load(file).state_dict
    parameters = {name: item for name, item in state.items() if isinstance(item, nn.Parameter)}
    buffers = {name: item for name, item in state.items() if name not in parameters}
    return "export", *compare_module(parameters, buffers, file)


def _check_script(module: nn.Module, entry: torch.Tensor, file: Path, rng: random.Random) -> Check:
    script = torch.jit.trace(module, entry) if rng.random() < 0.5 else torch.jit.script(module)
    torch.jit.save(script, file)
    loaded = torch.jit.load(file)
    parameters, buffers = dict(loaded.named_parameters()), dict(loaded.named_buffers())
    report = of_path(file)
    if report is None:
        return "script", False, "refused"
    wanted = count_distinct(parameters, buffers)
    counts = {name: getattr(report.root.totals, name) for name in wanted}
    shapes = {name: tuple(item.shape) for name, item in {**buffers, **parameters}.items()}
    actual = {name: tensor.shape for name, tensor in tensors(report).items() if not tensor.tied_to}
    return "script", counts == wanted and shapes.items() <= actual.items(), (wanted, counts)


def _check_distributed(module: nn.Module, folder: Path) -> Check:
    optimizer = torch.optim.Adam(module.parameters())
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    state = {"model": module.state_dict(), "optim": optimizer.state_dict(), "step": 3}
    dcp.save(state, checkpoint_id=folder, no_dist=True)
    report = of_path(folder)
    if report is None:
        return "distributed", False, "refused"
    shapes = {f"model.{name}": tuple(item.shape) for name, item in module.state_dict().items()}
    actual = {name: tensor.shape for name, tensor in tensors(report).items()}
    return "distributed", actual == shapes and report.exact, actual.items() ^ shapes.items()


def _architectures(every: int) -> Iterator[tuple[str, Any]]:
    for name in torchvision.models.list_models()[::every]:
        yield f"torchvision {name}", lambda name=name: torchvision.models.get_model(name, weights=None)
    for name in timm.list_models()[::every]:
        yield f"timm {name}", lambda name=name: timm.create_model(name, pretrained=False)


def checks(folder: Path, rng: random.Random, modules: int = MODULES, every: int = EVERY) -> Iterator[Check]:
    """Check random modules exported in three ways, and architectures saved whole on the meta device."""
    for number in range(modules):
        module, entry = _make_stack(rng)
        yield _check_export(module, entry, folder / "model.pt2")
        yield _check_script(module, entry, folder / "model.pt", rng)
        yield _check_distributed(module, folder / f"dcp{number}")
    for name, make in _architectures(every):
        try:
            with torch.device("meta"):
                module = make()
        except (NotImplementedError, RuntimeError):  # it computes its sizes by tensors
            module = make().to("meta")
        file = folder / "model.pth"
        torch.save(module, file)
        parameters, buffers = (
            dict(module.named_parameters(remove_duplicate=False)),
            dict(module.named_buffers(remove_duplicate=False)),
        )
        yield name, *compare_module(parameters, buffers, file)


def main(modules: int = MODULES, seed: int = 1, every: int = EVERY) -> int:
    load_plugins()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        return 1 if count_failures(checks(Path(folder), random.Random(seed), modules, every)) else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
