"""The weights in a folder: which files make one checkpoint, which of several is the model, and what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from paramcount.formats.detect import detect, read
from paramcount.formats.gguf import gguf
from paramcount.formats.named_tensors.tree import build_tree, list_tensors
from paramcount.formats.repository.folder import HEADER, Folder, locate_file, pointer
from paramcount.formats.safetensors import safetensors
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, token
from paramcount.model.report import ReportWarning
from paramcount.model.tensors import Tensor

_EXTENSIONS = ("safetensors", "bin", "pt", "pth", "ckpt", "keras", "h5", "gguf", "onnx", "pt2", "msgpack")
"""The endings of files of weights; of the same model in several, the first is what frameworks prefer."""

_STEMS = (
    "diffusion_pytorch_model", "model", "pytorch_model", "open_clip_model", "open_clip_pytorch_model", "adapter_model",
    "pytorch_lora_weights", "tf_model", "flax_model", "consolidated",
)  # fmt: skip
"""The names that frameworks load by themselves, the preferred one first."""

_FILE = re.compile(
    r"(?P<stem>.+?)(?:\.(?P<variant>fp\d+|bf16|float\d+|bfloat16|int\d|non_ema|ema))?(?:-\d+-of-\d+|_\d{5})?"
    r"(?:\.(?P<late>fp\d+|bf16|non_ema|ema))?(?:\.weights)?\.(?P<extension>" + "|".join(_EXTENSIONS) + ")",
    re.ASCII,
)
_INDEX = re.compile(r"(?P<file>.+)\.index(?:\.(?P<variant>\w+))?\.json|(?P<keras>.+)\.weights\.json", re.ASCII)

_PICKLES = frozenset(("bin", "pt", "pth", "ckpt"))

_TOKENIZER_FILES = frozenset(("tokenizer.json", "vocab.json", "added_tokens.json", "special_tokens_map.json"))

TRAINED_STATE = re.compile(r"optimizer|scheduler|rng_state|training_args|scaler|random_states", re.ASCII)
"""Files that a trainer writes beside the model."""


class Checkpoint(NamedTuple):
    """The files of one model's weights."""

    stem: str
    variant: str
    extension: str
    files: tuple[str, ...]
    index_file: str = ""  # the name of the file that lists them

    @property
    def preference(self) -> tuple[bool, bool, int, int, bool]:
        """The key by which the checkpoint that a framework would load comes first."""
        stem = _STEMS.index(self.stem) if self.stem in _STEMS else len(_STEMS)
        return not self.is_named, bool(self.variant), _EXTENSIONS.index(self.extension), stem, bool(self.index_file)

    @property
    def is_named(self) -> bool:
        """True where a framework's name, or an index, shows that it is the folder's model."""
        return self.stem in _STEMS or bool(self.index_file)

    @property
    def title(self) -> str:
        """The files as a person names them."""
        return self.index_file or self.files[0]


def find_checkpoints(folder: Folder) -> list[Checkpoint]:
    """Return the checkpoints in a folder, the one to count first. Raises InvalidDocument."""
    checkpoints = [checkpoint for name in folder.files if (checkpoint := _read_index(folder, name))]
    indexed = {file for checkpoint in checkpoints for file in checkpoint.files}
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name in folder.files:
        match = _FILE.fullmatch(name)
        if match and name not in indexed and not TRAINED_STATE.match(name):
            group = match["stem"], match["variant"] or match["late"] or "", match["extension"]
            groups.setdefault(group, []).append(name)
    checkpoints += [Checkpoint(*group, tuple(sorted(names))) for group, names in groups.items()]
    checkpoints.sort(key=lambda checkpoint: checkpoint.preference)
    stems = sorted({each.stem for each in checkpoints})
    if len(stems) > 1 and not any(each.is_named for each in checkpoints):
        named = ", ".join(stems[:5])[:200]
        raise InvalidDocument(f"holds several models ({named}): name the files of one", f"/files{folder_token(folder)}")
    return checkpoints


def folder_token(folder: Folder) -> str:
    """Return a pointer's step to a folder; '' for the root."""
    return token(folder.path.rstrip("/")) if folder.path else ""


def _read_index(folder: Folder, name: str) -> Checkpoint | None:
    """Return the checkpoint that a file lists; None where it is no index. Raises InvalidDocument."""
    match = _INDEX.fullmatch(name)
    file = match and (match["file"] or f"{match['keras']}.h5")
    named = _FILE.fullmatch(file) if file else None
    if not match or not named:
        return None
    files = _listed_files(folder, name)
    variant = match["variant"] or named["variant"] or ""
    return Checkpoint(named["stem"], variant, named["extension"], tuple(sorted(files)), name)


def _listed_files(folder: Folder, name: str) -> set[str]:
    """Return the files that an index lists; Keras lists several for a layer. Raises InvalidDocument."""
    index = folder.read_json(name)
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        raise InvalidDocument("is no index of a checkpoint: it has no weight_map", folder.pointer(name), "required")
    listed = [file for value in files.values() for file in (value if isinstance(value, list) else [value])]
    return {file for file in listed if isinstance(file, str)}


def read_checkpoint(folder: Folder, checkpoint: Checkpoint, config: Mapping[str, Any]) -> Document:
    """Return the document of a checkpoint. Raises Problems."""
    present = [name for name in checkpoint.files if name in folder.files]
    if not present:
        detail = f"lists {len(checkpoint.files):,} files, none of which is here"
        raise Problems([InvalidDocument(detail, folder.pointer(checkpoint.title), "missing_file")])
    if checkpoint.extension == "safetensors":
        return _read_safetensors(folder, checkpoint, present, config)
    if checkpoint.extension == "gguf":
        with locate_file(folder.path + present[0]):
            return gguf({name: folder.read_bytes(name) for name in present})
    if len(checkpoint.files) > 1 and checkpoint.extension in _PICKLES:
        return _read_pickles(folder, checkpoint, present, config)
    documents = [_read_file(folder, name) for name in present]
    return documents[0] if len(checkpoint.files) == 1 else _join_shards(checkpoint, present, documents)


def _read_file(folder: Folder, name: str) -> Document:
    source = folder.source(name)
    with locate_file(folder.path + name):
        return read(source, detect(source))


def _read_safetensors(
    folder: Folder, checkpoint: Checkpoint, present: Sequence[str], config: Mapping[str, Any]
) -> Document:
    """Read the headers of a checkpoint's files together."""
    problems: list[ArchitectureError] = []
    shards: dict[str, Any] = {}
    for name in present:
        try:
            shards[name] = folder.read_header(name)
        except ArchitectureError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    payload = _make_payload(folder, checkpoint, shards, config)
    return _read_payload(lambda: safetensors(payload), folder, checkpoint)


def _read_pickles(
    folder: Folder, checkpoint: Checkpoint, present: Sequence[str], config: Mapping[str, Any]
) -> Document:
    """Read the files of a checkpoint of torch together."""
    shards = {name: folder.read_bytes(name) for name in present}
    payload = _make_payload(folder, checkpoint, shards, config)
    return _read_payload(lambda: read(payload, detect(payload)), folder, checkpoint)


def _make_payload(
    folder: Folder, checkpoint: Checkpoint, shards: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a checkpoint in several files, as formats take it."""
    index = {"index": folder.read_object(checkpoint.index_file)} if checkpoint.index_file else {}
    return {"shards": shards, "config": dict(config), **index}


def _read_payload(read_document: Callable[[], Document], folder: Folder, checkpoint: Checkpoint) -> Document:
    """Read a checkpoint in several files; its problems point into the repository. Raises Problems."""
    try:
        return read_document()
    except ArchitectureError as error:
        raise Problems([_relocate(error, folder, checkpoint)]) from None
    except Problems as error:
        raise Problems([_relocate(problem, folder, checkpoint) for problem in error.problems]) from None


def _relocate(error: ArchitectureError, folder: Folder, checkpoint: Checkpoint) -> ArchitectureError:
    """Turn a pointer into the safetensors format's object into one into the repository."""
    _, member, *steps = error.pointer.split("/") if error.pointer else ("", "")
    if member == "shards" and steps:
        name = steps.pop(0).replace("~1", "/").replace("~0", "~")
        content = folder.files.get(name)
        inner = f"/{HEADER}" if isinstance(content, dict) and HEADER in content else ""
        error.pointer = folder.pointer(name) + inner
    elif member in ("index", "config"):
        error.pointer = folder.pointer(checkpoint.index_file if member == "index" else "config.json")
    else:
        return error
    error.pointer += "".join(f"/{step}" for step in steps)
    return error


def _join_shards(checkpoint: Checkpoint, present: Sequence[str], documents: Sequence[Document]) -> Document:
    """Return the document of several files' tensors; a tensor of two files counts once."""
    tensors: dict[str, Tensor] = {}
    for document in documents:
        tensors |= list_tensors(document.root)
    warnings = tuple(dict.fromkeys(warning for document in documents for warning in document.warnings))
    missing = [name for name in checkpoint.files if name not in present]
    if missing:
        detail = f'"{missing[0][:100]}"{" and others are" if len(missing) > 1 else " is"} not here, and not counted'
        warnings = (*warnings, ReportWarning("missing_shard", "", detail, exact=False))
    return documents[0]._replace(root=build_tree(tensors), warnings=warnings, counts=None)


def is_relevant(path: str) -> bool:
    """Return whether a file's name may be that of weights, or of a description of a model."""
    name = path.rpartition("/")[2]
    is_json = name.endswith(".json") and name not in _TOKENIZER_FILES
    return is_json or _FILE.fullmatch(name) is not None


def uncounted_files(folder: Folder, counted: set[str]) -> Iterator[str]:
    """Yield the paths of the files of weights below a folder that are not among those counted."""
    for each in folder.walk():
        for name in each.files:
            path = each.path + name
            if path not in counted and _FILE.fullmatch(name) and not TRAINED_STATE.match(name):
                yield path


__all__ = ["Checkpoint", "find_checkpoints", "pointer", "read_checkpoint", "uncounted_files"]
