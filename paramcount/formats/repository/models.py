"""One model in a folder: its weights, held against its config; or its config alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.detect import detect, read
from paramcount.formats.named_tensors.tree import build_tree, list_tensors
from paramcount.formats.repository.checkpoints import Checkpoint, find_checkpoints, read_checkpoint
from paramcount.formats.repository.class_check import check_class
from paramcount.formats.repository.folder import Folder, locate_file
from paramcount.formats.repository.stored_buffers import is_stored_buffer
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.report import ReportWarning

_CONFIGS = ("config.json", "open_clip_config.json", "params.json")
"""The files that describe a model, the first that is there."""

AUTO_MODEL = "AutoModel"
"""The class of transformers that stands for the base class of a config's model_type."""

_KINDS_WITH_CONVENTION = frozenset(("gguf", "onnx", "keras", "h5"))
"""The kinds of files whose documents keep their convention; the others hold what PyTorch loads."""


class Model:
    """The model in one folder, if there is one."""

    def __init__(self, folder: Folder, class_name: str = "") -> None:
        """`class_name`: the class that loads it, where the folder does not decide. Raises InvalidDocument."""
        self.folder = folder
        self.config_name = next((name for name in _CONFIGS if name in folder.files), "")
        self.config: Mapping[str, Any] = folder.read_object(self.config_name) if self.config_name else {}
        if class_name and "model_type" in self.config:
            self.config = {**self.config, "architectures": [] if class_name == AUTO_MODEL else [class_name]}
        self.checkpoints = find_checkpoints(folder)
        self.class_name = _class_of(self.config) or class_name

    @property
    def counted_paths(self) -> set[str]:
        """The paths of its files of weights, of those in other forms too."""
        return {self.folder.path + file for checkpoint in self.checkpoints for file in checkpoint.files}

    def read(self) -> Document | None:
        """Return its document; None where there is neither a config nor weights. Raises Problems."""
        if not self.checkpoints:
            return self._read_config() if self.config else None
        first, *others = self.checkpoints
        document = read_checkpoint(self.folder, first, self.config)
        if first.extension not in _KINDS_WITH_CONVENTION:
            document = self._load(document._replace(convention="torch", framework="torch"))
        return document._replace(warnings=(*document.warnings, *map(self._not_counted, others)))

    def _load(self, document: Document) -> Document:
        """Return the document of weights as the class of the config loads them."""
        if "_class_name" in self.config:
            tensors = {
                name: tensor._replace(role="buffer") if is_stored_buffer(name, self.class_name) else tensor
                for name, tensor in list_tensors(document.root).items()
            }
            document = document._replace(root=build_tree(tensors))
        is_partial = any(warning.code == "missing_shard" for warning in document.warnings)
        if not self.config or is_partial or "quantization_config" in self.config:
            return document
        try:
            model = self._read_config()
        except Problems:
            return document  # its class is not known here: the weights say all
        return check_class(document, model, self.class_name)

    def _read_config(self) -> Document:
        with locate_file(self.folder.path + self.config_name):
            try:
                return read(self.config, detect(self.config))
            except ArchitectureError as error:
                raise Problems([error]) from None

    def _not_counted(self, checkpoint: Checkpoint) -> ReportWarning:
        """Return the warning that the folder has its model in another form too."""
        form = checkpoint.variant or checkpoint.extension
        detail = f'"{self.folder.path}{checkpoint.title}" holds the model in another form ({form}): it is not counted'
        return ReportWarning("another_form", "", detail)


def _class_of(config: Mapping[str, Any]) -> str:
    """Return the class that a config names."""
    architectures = config.get("architectures")
    named = architectures[0] if isinstance(architectures, list) and architectures else config.get("_class_name")
    return (
        named[:100]
        if isinstance(named, str)
        else str(config.get("architecture") or config.get("model_type") or "")[:100]
    )
