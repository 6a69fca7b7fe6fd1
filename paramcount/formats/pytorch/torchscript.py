"""TorchScript: modules whose attributes are flat, and whose parameters and buffers their code lists by name.

Source: torch/csrc/jit/serialization (python_print.cpp writes `__parameters__` and `__buffers__` before the attributes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from paramcount.formats.pickles.objects import Global, Instance
from paramcount.formats.pytorch.archive import Pickle, read_member
from paramcount.formats.pytorch.contents import Contents, ModuleParts
from paramcount.formats.pytorch.tensors import PickledTensor
from paramcount.formats.zip_archive import Archive
from paramcount.model.errors import InvalidDocument
from paramcount.model.report import ReportWarning

_CONSTANTS = "constants.pkl"
_NAMESPACE = "__torch__"

_CLASS = re.compile(r"^class (\w+)\(Module\):\n +__parameters__ = \[(.*)\]\n +__buffers__ = \[(.*)\]$", re.MULTILINE)
_NAME = re.compile(r'"((?:[^"\\]|\\.|\\\Z)*+)("?)')
"""A quoted name; one that is not closed goes up to the end, so that none is looked for inside of it."""

_MAX_CODE_BYTES = 64 * 2**20
"""The most code that is read, of all classes."""


class _ClassNames(NamedTuple):
    parameters: frozenset[str]
    buffers: frozenset[str]


class ScriptReader:
    """Reads the modules of one TorchScript archive."""

    def __init__(self, archive: Archive, folder: str) -> None:
        self.archive, self.folder = archive, folder
        self._classes: dict[str, dict[str, _ClassNames]] = {}  # by file
        self._left = _MAX_CODE_BYTES

    def __call__(self, value: Instance) -> ModuleParts | None:
        """Return the parts of a module; None for any other object. Raises InvalidDocument."""
        if not isinstance(value.type, Global) or not value.type.module.startswith(_NAMESPACE):
            return None
        if (names := self._read_classes(value.type.module).get(value.type.name)) is None:
            return None  # a class of TorchScript that is no module
        attributes = value.attributes
        parameters, buffers, modules = {}, {}, {}
        for name, item in attributes.items():
            if name in names.parameters:
                parameters[name] = item
            elif name in names.buffers:
                buffers[name] = item
            elif isinstance(item, Instance):
                modules[name] = item
        return ModuleParts(value.type.name, parameters, buffers, modules)

    def _read_classes(self, module: str) -> dict[str, _ClassNames]:
        """Return the classes of modules in a file of code, by name."""
        if (classes := self._classes.get(module)) is None:
            name = f"{self.folder}code/{module.replace('.', '/')}.py"
            if name not in self.archive.entries:
                raise InvalidDocument(f'holds no "{name[:200]}", which says what is a parameter', code="module")
            code = self.archive.read(name, self._left)
            self._left -= len(code)
            classes = self._classes[module] = {
                match[1]: _ClassNames(_find_names(match[2]), _find_names(match[3]))
                for match in _CLASS.finditer(code.decode(errors="replace"))
            }
        return classes


def _find_names(text: str) -> frozenset[str]:
    return frozenset(name for name, end in _NAME.findall(text) if end)


def script_reader(pickle: Pickle) -> ScriptReader | None:
    """Return the reader of a pickle's modules if it is TorchScript's."""
    if pickle.archive is None or pickle.folder + _CONSTANTS not in pickle.archive.entries:
        return None
    return ScriptReader(pickle.archive, pickle.folder)


def warn_of_constants(reader: ScriptReader, contents: Contents) -> Iterator[ReportWarning]:
    """Warn of the tensors that the code uses as constants: those of a frozen module were its weights."""
    values = read_member(reader.archive, reader.folder + _CONSTANTS).value
    sizes = [prod(value.shape) for value in values if isinstance(value, PickledTensor)]
    if sizes:
        exact = bool(contents.tensors)
        were = "" if exact else "; torch.jit.freeze makes constants of weights"
        detail = f"{sum(sizes):,} elements in {len(sizes):,} tensors are constants of the code, not counted{were}"
        yield ReportWarning("constants", "", detail, exact=exact)
