"""repository: the files of a model as the Hub lays them out, by path: one model, a pipeline, or an adapter's folder."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from paramcount.formats.detect import detect, read
from paramcount.formats.repository.adapters import is_adapter, read_adapter
from paramcount.formats.repository.checkpoints import uncounted_files
from paramcount.formats.repository.folder import Folder, is_file, locate_file
from paramcount.formats.repository.models import Model
from paramcount.formats.repository.pipelines import MODULES, PIPELINE, Composition, read_modules, read_pipeline
from paramcount.formats.source import Bytes, Source, recognize
from paramcount.model import budget
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument, UnknownFormat
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_MEMBERS = frozenset(("files", "base"))

_MAX_UNCOUNTED_FILES = 20
"""The most files that are named as not counted."""

_EXAMPLE = {
    "files": {
        "config.json": {"model_type": "bert", "architectures": ["BertModel"]},
        "model.safetensors": {
            "safetensors_header": {"pooler.dense.bias": {"dtype": "F32", "shape": [768], "data_offsets": [0, 3072]}}
        },
    }
}


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.keys() <= _MEMBERS and isinstance(payload.get("files"), dict)


@reader("repository", claims=_claims, members=("files",), schema=None, example=_EXAMPLE)
def repository(payload: Any) -> Document:
    """The files of a folder by relative path: a model, a pipeline, or an adapter.

    `{"files": {path: ...}}`: of a file of JSON its value, of any other
    `{"base64": ...}`, and of safetensors `{"safetensors_header": {...}}` as well; `base` is the config of the model
    that an adapter is for.

    A pipeline of diffusers or sentence-transformers has a row for each component. A model is counted from its weights,
    which are held against its config.
    """
    root = _open_root(payload)
    if is_adapter(root, payload.get("base")):
        return read_adapter(root, payload.get("base"))
    composition = _read_composition(root)
    return _warn_of_uncounted(root, composition)


def _open_root(payload: Any) -> Folder:
    """Return the folder that holds the files; one folder around all of them is left out. Raises Problems."""
    if not isinstance(payload, Mapping) or not isinstance(payload.get("files"), Mapping):
        raise InvalidDocument(f'must be an object with "files" by path, not {format_value(payload)}')
    if unknown := payload.keys() - _MEMBERS:
        name = min(map(str, unknown))
        raise InvalidDocument(
            'is an unknown member: a repository has "files" and "base"', f"/{name[:100]}", "unknown_member"
        )
    root = Folder.of(payload["files"])
    while not root.files and len(root.folders) == 1:
        (root,) = root.folders.values()
    if not root.files and not root.folders:
        raise InvalidDocument("holds no file", "/files", "empty")
    return root


def _read_composition(root: Folder) -> Composition:
    if PIPELINE in root.files:
        return read_pipeline(root)
    if MODULES in root.files:
        return read_modules(root)
    model = Model(root)
    document = model.read() or _read_only_document(root)
    return Composition(document, model.counted_paths)


def _read_only_document(root: Folder) -> Document:
    """Return the document of the only file that is one. Raises Problems."""
    documents = []
    for name, content in root.files.items():
        data = root.read_bytes(name) if is_file(content) else content
        with locate_file(root.path + name):
            source = _recognize(bytes(data[:])) if isinstance(data, Bytes) else Source.of(data)
            try:
                documents.append((name, source, detect(source)))
            except (UnknownFormat, ValueError):
                continue
    documents = [each for each in documents if each[2].name != "repository"]
    if len(documents) != 1:
        what = (
            "no model" if not documents else f"several models ({', '.join(name for name, _, _ in documents[:5])[:200]})"
        )
        raise InvalidDocument(f"holds {what}: a config.json, or files of weights, or a model_index.json", "/files")
    (name, source, document_format) = documents[0]
    with locate_file(root.path + name):
        return read(source, document_format)


def _recognize(raw: bytes) -> Source:
    """Return what a file holds, if it is not too much to be decoded. Raises TooLarge."""
    source = recognize(raw)
    if source.kind != "file":
        budget.check_values(raw, text=source.kind == "text")
    return source


def _warn_of_uncounted(root: Folder, composition: Composition) -> Document:
    """Return the document with a warning for each file of weights that is not in it."""
    document = composition.document
    if not (paths := list(islice(uncounted_files(root, composition.paths), _MAX_UNCOUNTED_FILES))):
        return document
    return document._replace(warnings=(*document.warnings, *map(_make_warning, paths)))


def _make_warning(path: str) -> ReportWarning:
    return ReportWarning("not_counted", "", f'"{path[:200]}" belongs to no part of the model, and is not counted')
