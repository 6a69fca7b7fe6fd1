"""Files that torch writes of random modules, in every form, read by us and by torch itself.

python -m tools.oracle.files_pickled [MODULES] [SEED]
"""

from __future__ import annotations

import pickle
import random
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.schema.registry import load_plugins
from tools.oracle.files import Check, count_failures, of_path, tensors

MODULES = 40

Named = dict[str, Any]


class Net(nn.Module):  # type: ignore[misc]  # torch is not there where this is checked
    """Children, and what a module may own itself."""

    def __init__(self, rng: random.Random, children: list[nn.Module]) -> None:
        super().__init__()
        for number, child in enumerate(children):
            self.add_module(rng.choice(("layer{}", "block_{}", "m{}")).format(number), child)
        if rng.random() < 0.5:
            self.scale = nn.Parameter(torch.ones(rng.randint(1, 4)))
        if rng.random() < 0.4:
            self.register_buffer("table", torch.zeros(rng.randint(1, 5), dtype=torch.int64))
        if rng.random() < 0.4:
            self.register_buffer("scratch", torch.zeros(rng.randint(1, 5)), persistent=False)
        if rng.random() < 0.3:
            self.register_buffer("absent", None)
        if rng.random() < 0.3:
            self.register_parameter("missing", None)
        if rng.random() < 0.3:
            self.plain = torch.zeros(7)  # an attribute: neither


def _leaf(rng: random.Random) -> nn.Module:
    size, other = rng.randint(1, 6), rng.randint(1, 6)
    makers: tuple[Callable[[], nn.Module], ...] = (
        lambda: nn.Linear(size, other, bias=rng.random() < 0.7),
        lambda: nn.Conv2d(size, other, rng.randint(1, 3), bias=rng.random() < 0.7),
        lambda: nn.ConvTranspose1d(size, other, 2),
        lambda: nn.BatchNorm1d(size, affine=rng.random() < 0.7, track_running_stats=rng.random() < 0.7),
        lambda: nn.InstanceNorm2d(size, affine=True, track_running_stats=True),
        lambda: nn.LayerNorm(size),
        lambda: nn.Embedding(size, other),
        lambda: nn.EmbeddingBag(size, other),
        lambda: nn.LSTM(size, other, num_layers=rng.randint(1, 2), bidirectional=rng.random() < 0.3),
        lambda: nn.GRU(size, other),
        lambda: nn.MultiheadAttention(4, 2, add_bias_kv=rng.random() < 0.5),
        lambda: nn.TransformerEncoderLayer(4, 2, 8),
        lambda: nn.PReLU(size),
        nn.ReLU,
        nn.Identity,
        lambda: nn.Bilinear(size, other, 2),
        lambda: nn.ParameterList([nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(other, 2))]),
        lambda: nn.ParameterDict({"a": nn.Parameter(torch.zeros(size))}),
        lambda: nn.utils.spectral_norm(nn.Linear(size, other)),
    )
    return rng.choice(makers)()


def make_module(rng: random.Random, depth: int = 0) -> nn.Module:
    """A random module: nested, with shared modules and parameters, frozen ones, of several dtypes."""
    if depth > 2 or (depth and rng.random() < 0.5):
        return _leaf(rng)
    children = [make_module(rng, depth + 1) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.2:
        children.append(children[0])  # one module in two places
    kind = rng.randrange(4)
    if kind == 0:
        module: nn.Module = nn.Sequential(*children)
    elif kind == 1:
        module = nn.ModuleList(children)
    elif kind == 2:
        module = nn.ModuleDict({f"k{number}": child for number, child in enumerate(children)})
    else:
        module = Net(rng, children)
    if not depth:
        _alter(rng, module)
    return module


def _alter(rng: random.Random, module: nn.Module) -> None:
    if rng.random() < 0.3:
        module.to(rng.choice((torch.float16, torch.bfloat16, torch.float64)))
    for parameter in module.parameters():
        if rng.random() < 0.2:
            parameter.requires_grad_(False)
    owners = [child for child in module.modules() if isinstance(child, nn.Linear) and "weight" in child._parameters]  # noqa: SLF001
    if len(owners) > 1 and rng.random() < 0.5:
        first, second = owners[:2]
        second.weight = first.weight if rng.random() < 0.5 else nn.Parameter(first.weight.data)


def _trained_state(module: nn.Module, rng: random.Random) -> Mapping[str, Any]:
    if not any(True for _ in module.parameters()):
        return {"state": {}, "param_groups": []}
    optimizer = rng.choice((torch.optim.Adam, torch.optim.SGD, torch.optim.RMSprop))(module.parameters(), lr=0.1)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return dict(optimizer.state_dict())


def variants(module: nn.Module, rng: random.Random) -> Iterator[tuple[str, Any, str]]:
    """Objects to save: the kind, the object, and the path of the model in it."""
    state = module.state_dict()
    yield "state dict", state, ""
    yield "plain dict", dict(state), ""
    yield "kept", module.state_dict(keep_vars=True), ""
    yield "module", module, ""
    yield "module in a dict", {"epoch": 3, "model": module, "names": ["a"]}, "model"
    yield "module in a list", [module], "0"
    yield "parallel", nn.DataParallel(module), ""
    training = {"state_dict": state, "epoch": 3, "args": {"lr": 0.1}, "rng_state": torch.get_rng_state()}
    yield (
        "checkpoint",
        training | {"optimizer": _trained_state(module, rng), "best_acc": torch.tensor(0.5)},
        "state_dict",
    )
    prefixed = OrderedDict((f"module.{name}", value) for name, value in state.items())
    yield "prefixed", {"net": prefixed, "optimizers": [_trained_state(module, rng)]}, "net"


def save(value: Any, path: Path, rng: random.Random) -> None:
    """Write a file in one of torch's ways."""
    way = rng.randrange(5)
    if way == 0:
        torch.save(value, path, _use_new_zipfile_serialization=False)
    elif way == 1:
        path.write_bytes(pickle.dumps(value, protocol=rng.randint(2, 5)))
    else:
        torch.save(value, path, pickle_protocol=rng.randint(2, 5))


def _key(tensor: Any) -> object:
    """Identity of a tensor: storage, offset, shape and strides; of an empty one the object."""
    if not tensor.numel() or tensor.is_meta:
        return id(tensor)
    return tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _names(value: Any, prefix: str) -> tuple[Named, Named]:
    """Parameters (or tensors of a dict) and buffers by name, as torch loaded them."""
    if isinstance(value, nn.Module):
        parameters, buffers = (
            value.named_parameters(remove_duplicate=False),
            value.named_buffers(remove_duplicate=False),
        )
        return {prefix + name: item for name, item in parameters}, {prefix + name: item for name, item in buffers}
    return {prefix + name: item for name, item in value.items() if isinstance(item, torch.Tensor)}, {}


def count_distinct(parameters: Named, buffers: Named) -> dict[str, int]:
    """Elements that train, that do not, and of buffers, each tensor once."""
    totals = {"trainable": 0, "frozen": 0, "buffers": 0}
    seen: set[object] = set()
    for role, named in (("", parameters), ("buffers", buffers)):
        for item in named.values():
            if _key(item) not in seen:
                seen.add(_key(item))
                totals[role or ("trainable" if item.requires_grad else "frozen")] += item.numel()
    return totals


def compare_module(parameters: Named, buffers: Named, file: Path, *, flags: bool = True) -> tuple[bool, object]:
    """Compare what torch has with what we read: names, shapes, dtypes, totals."""
    named = {**buffers, **parameters}
    shapes = {name: (tuple(t.shape), DTYPE_NAMES[str(t.dtype).removeprefix("torch.")]) for name, t in named.items()}
    report = of_path(file)
    if report is None:
        return not shapes, "refused"
    actual = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors(report).items()}
    wanted = count_distinct(parameters, buffers)
    counts = {name: getattr(report.root.totals, name) for name in wanted}
    agree = counts == wanted if flags else sum(counts.values()) == sum(wanted.values())
    return actual == shapes and agree and report.exact, (wanted, counts, actual.items() ^ shapes.items())


def check(kind: str, value: Any, path: str, file: Path, rng: random.Random) -> Check:
    """Save an object, read it, and compare with what torch loads."""
    save(value, file, rng)
    loaded = torch.load(file, weights_only=False) if _is_torch(file) else pickle.loads(file.read_bytes())
    for part in path.split(".") if path else ():
        loaded = loaded[int(part)] if isinstance(loaded, list) else loaded[part]
    parameters, buffers = _names(loaded, f"{path}." if path else "")
    flags = isinstance(loaded, nn.Module) or any(isinstance(item, nn.Parameter) for item in parameters.values())
    if not isinstance(loaded, nn.Module):
        buffers = {name: item for name, item in parameters.items() if flags and not isinstance(item, nn.Parameter)}
        parameters = {name: item for name, item in parameters.items() if name not in buffers}
    return kind, *compare_module(parameters, buffers, file, flags=flags)


def _is_torch(file: Path) -> bool:
    return b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19" in file.read_bytes()[:64] or file.read_bytes()[:2] == b"PK"


def checks(folder: Path, rng: random.Random, modules: int = MODULES) -> Iterator[Check]:
    """Check random modules in every form."""
    for number in range(modules):
        module = make_module(rng)
        for kind, value, path in variants(module, rng):
            try:
                yield check(f"{kind} {number}", value, path, folder / "model.pt", rng)
            except (pickle.PicklingError, AttributeError, RuntimeError) as error:  # torch cannot write it, or read it
                if "pickle" not in str(error):
                    raise


def main(modules: int = MODULES, seed: int = 1) -> int:
    load_plugins()
    with tempfile.TemporaryDirectory() as folder:
        return 1 if count_failures(checks(Path(folder), random.Random(seed), modules)) else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
