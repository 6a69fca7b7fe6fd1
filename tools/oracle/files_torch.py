"""The snippets of docs/checkpoints.md, run on real PyTorch models."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from paramcount.model.dtypes import DTYPE_NAMES
from tools.oracle.files import Check, elements, of_path, tensors

DOCS = Path(__file__).parents[2] / "docs/checkpoints.md"


class Tied(nn.Module):  # type: ignore[misc]  # torch is not there where this is checked
    """Ties, a shared module, a parameter that is a buffer too, buffers that are not saved, a scalar, nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 8)
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(3)])
        self.shared = self.blocks[1]
        self.head = nn.Linear(8, 30, bias=False)
        self.head.weight = self.embed.weight
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("table", torch.arange(12).reshape(3, 4))
        self.register_buffer("scratch", torch.zeros(5, dtype=torch.bool), persistent=False)
        self.register_buffer("also", self.scale)
        self.empty = nn.Parameter(torch.zeros(0, 4))


def models() -> Iterator[nn.Module]:
    """Models with all that named_parameters() can hold."""
    yield nn.Linear(3, 4)
    yield nn.Sequential()
    yield Tied()
    half = Tied().to(torch.bfloat16)
    half.embed.requires_grad_(False)
    half.blocks[0].to(torch.float16).requires_grad_(False)
    yield half
    norms = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Sequential(nn.BatchNorm1d(4, affine=False)))
    yield norms
    norms[1].weight.requires_grad_(False)
    yield norms.double()
    yield nn.LSTM(4, 5, num_layers=2, bidirectional=True, proj_size=3)
    yield nn.utils.parametrizations.weight_norm(nn.Linear(4, 5))
    yield nn.MultiheadAttention(8, 2, add_bias_kv=True)
    for dtype in (torch.complex64, torch.complex128, torch.float64, torch.float16):
        yield nn.ParameterList([nn.Parameter(torch.zeros(3, dtype=dtype))])
    with torch.device("meta"):
        yield nn.Transformer(num_encoder_layers=40, num_decoder_layers=40)
    small = (
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.float8_e8m0fnu,
        torch.float4_e2m1fn_x2,
        torch.uint16,
        torch.complex32,
    )
    holder = nn.Module()
    for number, dtype in enumerate(small):
        holder.register_buffer(f"b{number}", torch.empty(6, dtype=dtype))
    yield holder


def document(snippet: int, folder: Path, **names: Any) -> Path:
    """Run a snippet of the docs in a folder; returns what it wrote."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(blocks[snippet], str(DOCS), "exec"), names)  # our own docs
    finally:
        os.chdir(before)
    return folder / "model.tensors.json"


def checks(folder: Path, _: random.Random) -> Iterator[Check]:
    for number, model in enumerate(models()):
        parameters, buffers = (
            list(model.parameters()),
            [buffer for buffer in model.buffers() if not any(buffer is parameter for parameter in model.parameters())],
        )
        wanted = {
            "trainable": sum(p.numel() for p in parameters if p.requires_grad),
            "frozen": sum(p.numel() for p in parameters if not p.requires_grad),
            "buffers": sum(b.numel() for b in buffers),
            "bytes": sum(p.numel() * p.element_size() for p in parameters),
            "buffer_bytes": sum(b.numel() * b.element_size() for b in buffers),
        }
        report = of_path(document(0, folder, model=model))
        counts = {name: getattr(report.root.totals, name) for name in wanted} if report else None
        yield f"model {number}", counts == wanted, (wanted, counts)
        if report is None:
            continue
        every = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
        shapes = {name: (tuple(t.shape), DTYPE_NAMES[str(t.dtype).removeprefix("torch.")]) for name, t in every.items()}
        read = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors(report).items()}
        yield f"model {number}, name by name", read == shapes, (shapes.items() ^ read.items())
        if next(iter(every.values()), torch.empty(0)).is_meta:
            continue
        state = model.state_dict()
        saved = of_path(document(1, folder, state_dict=state))
        distinct = {(t.data_ptr(), t.shape): t.numel() for t in state.values() if t.numel()}
        yield f"model {number}, state_dict", saved is not None and elements(saved) == sum(distinct.values()), saved
