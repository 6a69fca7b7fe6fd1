"""pytorch: files of torch.save, whose pickles are interpreted and never executed."""

from __future__ import annotations

from functools import partial
from typing import Any

from paramcount.formats.named_tensors.checkpoint import distinct, flags_warning
from paramcount.formats.named_tensors.packed import unpack, unpack_parameters
from paramcount.formats.named_tensors.packed.quantization import NO_QUANTIZATION
from paramcount.formats.named_tensors.partitions import warn_of_parts
from paramcount.formats.pytorch import nemo
from paramcount.formats.pytorch.archive import Pickle, read_pickle
from paramcount.formats.pytorch.contents import Contents, find_contents
from paramcount.formats.pytorch.dcp import is_metadata, read_metadata
from paramcount.formats.pytorch.layers import build_layers, named_tensors
from paramcount.formats.pytorch.shards import is_sharded, read_shards
from paramcount.formats.pytorch.torchscript import script_reader, warn_of_constants
from paramcount.formats.pytorch.warnings import warn_of_contents, warn_of_imports
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import Bytes
from paramcount.formats.zip_archive import holds
from paramcount.model.document import Document, ModelFacts
from paramcount.model.errors import InvalidDocument
from paramcount.schema.registry import reader
from paramcount.schema.validator import format_value

_EXAMPLE = (  # {"weight": torch.zeros(3, 2)}, pickled by torch before 1.6
    b"\x80\2\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\2M\xe9\3.\x80\2}.\x80\2}X\6\0\0\0weight"
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpuK\6NtQK\0K\3K\2\x86K\2K\1\x86\x89}tRs.\x80\2]X\1\0\0"
    b"\x000a.\6\0\0\0\0\0\0\0" + bytes(24)
)


def _claims(payload: Any) -> bool:
    if is_sharded(payload):
        payload = next(iter(payload["shards"].values()))
    kind = file_kind(payload)
    if kind == "tar":
        return nemo.claims(payload)
    if kind == "zip":
        return holds(payload, b"/data.pkl", whole=False) or holds(payload, b"/data/0", whole=False)
    return kind == "pickle"


@reader("pytorch", claims=_claims, members=("shards",), schema=None, example=_EXAMPLE, media="application/octet-stream")
def pytorch(payload: Any) -> Document:
    """A file of torch.save (.pt, .pth, .bin, .ckpt): its pickle is interpreted and never executed.

    A state dict, a training checkpoint or a whole model. The first bytes, up to the end of the pickle, are enough.

    A checkpoint in several files: in a Python mapping, `{"shards": {name: file}, "index": ...}`."""
    if is_sharded(payload):
        return read_shards(payload)
    if not isinstance(payload, Bytes):
        raise InvalidDocument(f"must be a file of PyTorch, or its first bytes, not {format_value(payload)}")
    return make_document(read_pickle(nemo.find_weights(payload) if file_kind(payload) == "tar" else payload))


def make_document(pickle: Pickle) -> Document:
    """Return the document of what a pickle describes."""
    script = script_reader(pickle)
    value = read_metadata(pickle.value) if is_metadata(pickle.value) else pickle.value
    contents = find_contents(value, pickle.size, script)
    if not contents.tensors and not contents.modules and not contents.lazy:
        raise InvalidDocument(_explain_absence(contents), code="no_tensors")
    tensors = named_tensors(contents)
    kinds = distinct(tensors)
    has_flags = contents.states_what_trains
    unpacked = unpack_parameters(tensors, kinds) if has_flags else unpack(tensors, NO_QUANTIZATION, kinds)
    unknown = [tensors[name] for name, tensor in contents.tensors.items() if not tensor.role]
    warnings = (
        *([flags_warning(unknown)] if unknown else []),
        *unpacked.warnings,
        *warn_of_parts(tensors, kinds),
        *warn_of_contents(contents, tensors),
        *(warn_of_constants(script, contents) if script else ()),
        *warn_of_imports(pickle.globals),
    )
    return Document(
        build_layers(contents, unpacked.tensors),
        "torch" if has_flags else "stored",
        "torch",
        warnings=warnings,
        read_facts=partial(ModelFacts, types_are_classes=bool(contents.modules)),
    )


def _explain_absence(contents: Contents) -> str:
    """Return what a file holds that has no tensors of a model."""
    if contents.optimizer:
        return "holds the state of an optimizer, and no tensors of a model"
    if contents.unread or contents.others:
        return "holds no tensors of a model, only some in objects that are none"
    return "holds no tensors"
