"""The structures that the compiler of classes.txt reads from a source."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from paramcount.schema.registry import load_plugins
from tools.oracle.torch_classes import Library

SOURCE = """
from torch import nn

class Part(nn.Module):
    pass

class Config:
    pass

def make(wide):
    return Part() if wide else nn.Identity()

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1, 1)

class Net(Base):
    def __init__(self, size: int, act, layers):
        super().__init__()
"""


@pytest.mark.parametrize(
    ("body", "structure"),
    [
        ("", "first=Linear"),
        ("self.part = Part()", "first=Linear part=Part"),
        ("self.size = size", "first=Linear"),
        ("self.config = Config()", "first=Linear"),
        ("self.first = Part()", "first=Part"),
        ("del self.first", "first?=Linear"),
        ("self.part = Part() if size else None", "first=Linear part?=Part"),
        ("if size:\n    self.part = Part()", "first=Linear part?=Part"),
        ("if size:\n    self.part = Part()\nelse:\n    self.part = nn.ReLU()", "first=Linear part=Part|ReLU"),
        ("if not size:\n    raise ValueError\nself.part = Part()", "first=Linear part=Part"),
        ("if not size:\n    return\nself.part = Part()", "first=Linear part?=Part"),
        ("part = Part()\nself.part = part", "first=Linear part=Part"),
        ("self.part = make(size)", "first=Linear part=Identity|Part"),
        ("self.act = act()", "first=Linear act"),
        ("self.parts = nn.ModuleList([Part() for _ in range(size)])", "first=Linear parts=ModuleList[Part]"),
        ("self.parts = nn.ModuleList()\nself.parts.append(Part())", "first=Linear parts=ModuleList[Part]"),
        ("self.parts = nn.Sequential(*layers)", "first=Linear parts=Sequential"),
        ("self.parts = nn.Sequential(Part(), nn.ReLU())", "first=Linear parts=Sequential[Part,ReLU]"),
        ("for i in range(size):\n    self.add_module(f'part{i + 1}', Part())", "first=Linear part#=Part"),
        ("for layer in layers:\n    setattr(self, layer.name, Part())", "first=Linear *=Part"),
    ],
)
def test_structures(tmp_path: Path, body: str, structure: str) -> None:
    load_plugins()
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "net.py").write_text(dedent(SOURCE) + indent(body, " " * 8))
    assert next(row.structure for row in Library(folder).rows() if row.name == "Net") == structure
