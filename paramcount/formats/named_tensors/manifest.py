"""tensors: a PyTorch model's parameters and buffers by name, as a few lines of Python print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from marshmallow import RAISE, Schema, fields, validate

from paramcount.formats.named_tensors.checkpoint import (
    INTEGER_DTYPES,
    MAX_TENSORS,
    STATISTIC_NAMES,
    checkpoint_tensor,
    distinct,
    explain_dtype,
    flags_warning,
    may_hold_statistics,
)
from paramcount.formats.named_tensors.packed import unpack, unpack_parameters
from paramcount.formats.named_tensors.packed.quantization import NO_QUANTIZATION
from paramcount.formats.named_tensors.partitions import warn_of_false_ties, warn_of_parts
from paramcount.formats.named_tensors.roles import find_roles
from paramcount.formats.named_tensors.tree import build_tree
from paramcount.model.document import Document
from paramcount.model.dtypes import DTYPE_NAMES, DTYPES
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge, raise_problems, token
from paramcount.model.tensors import Convention, Tensor
from paramcount.schema.registry import reader
from paramcount.schema.signature import MAX_DIMENSION, MAX_RANK

_EXAMPLE = {
    "parameters": {
        "embedding.weight": {"shape": [1000, 64], "dtype": "float32", "requires_grad": True},
        "norm.weight": {"shape": [64], "dtype": "float32", "requires_grad": False},
        "head.weight": {"shape": [1000, 64], "dtype": "float32", "requires_grad": True},
    },
    "buffers": {"norm.running_mean": {"shape": [64], "dtype": "float32"}},
    "tied": [["embedding.weight", "head.weight"]],
}

_MEMBERS = ("parameters", "buffers", "state_dict")
"""The members that hold tensors by name."""

_DTYPES: Mapping[str, str] = {
    **{name: name for name in DTYPES},
    **DTYPE_NAMES,
    **{f"torch.{name}": dtype for name, dtype in DTYPE_NAMES.items()},
}
"""Our dtypes by their own names, and by torch's."""


class NamedTensor(Schema):
    """One tensor."""

    class Meta:
        unknown = RAISE

    shape = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, MAX_DIMENSION)),
        required=True,
        validate=validate.Length(max=MAX_RANK),
    )
    dtype = fields.String(metadata={"description": "as torch names it: float32 or torch.float32; or F32"})


class NamedParameter(NamedTensor):
    """One tensor, and whether it trains."""

    requires_grad = fields.Boolean(
        metadata={"description": "true if absent, but for the integer types, which torch gives no gradient"}
    )


class TensorsDocument(Schema):
    """Parameters and buffers by name, and which names are one tensor; or a state_dict, which holds both as one."""

    class Meta:
        unknown = RAISE

    parameters = fields.Dict(fields.String(), fields.Nested(NamedParameter))
    buffers = fields.Dict(fields.String(), fields.Nested(NamedTensor))
    state_dict = fields.Dict(fields.String(), fields.Nested(NamedTensor))
    tied = fields.List(
        fields.List(fields.String(), validate=validate.Length(min=2)),
        metadata={"description": "groups of names that are one tensor; it is counted under the first"},
    )


def _claims(payload: Any) -> bool:
    return isinstance(payload, dict) and ("parameters" in payload or "state_dict" in payload)


@reader("tensors", claims=_claims, members=("parameters", "state_dict"), schema=TensorsDocument, example=_EXAMPLE)
def tensors(payload: Mapping[str, Any]) -> Document:
    """The parameters and buffers of a PyTorch model by name, with shape, dtype and requires_grad.

    Exact where no weight is packed or partitioned.
    """
    if not isinstance(payload, Mapping) or ("parameters" in payload) == ("state_dict" in payload):
        raise InvalidDocument('must be an object with either "parameters" or a "state_dict"')
    if "state_dict" in payload and "buffers" in payload:
        raise InvalidDocument("a state_dict holds its buffers itself", "/buffers", "unknown_member")
    if (count := sum(len(payload.get(member, ())) for member in _MEMBERS)) > MAX_TENSORS:
        raise TooLarge(f"holds {count:,} tensors, where {MAX_TENSORS:,} are the most")
    is_state_dict = "state_dict" in payload
    named = _Manifest(payload, ("state_dict",) if is_state_dict else ("parameters", "buffers")).named_tensors()
    kinds = distinct(named)
    unpacked = unpack(named, NO_QUANTIZATION, kinds) if is_state_dict else unpack_parameters(named, kinds)
    flags = (flags_warning(list(named.values())),) if is_state_dict else ()
    warnings = (*flags, *unpacked.warnings, *warn_of_parts(named, kinds), *warn_of_false_ties(named, kinds))
    convention: Convention = "stored" if is_state_dict else "torch"
    root = build_tree(unpacked.tensors)
    roles = find_roles(unpacked.tensors, root)
    return Document(root, convention, "torch", warnings=warnings, roles=roles, rules="")


def _tensor(name: str, entry: Mapping[str, Any], member: str) -> Tensor:
    """Return the tensor that an entry describes, without its name."""
    shape, dtype = tuple(entry["shape"]), _DTYPES.get(entry.get("dtype", ""), "")
    if member == "state_dict":
        return checkpoint_tensor(name, shape, dtype)
    role: Literal["weight", "buffer"] = "weight" if member == "parameters" else "buffer"
    return Tensor("", shape, role, dtype, trainable=entry.get("requires_grad", dtype not in INTEGER_DTYPES))


class _Tie(NamedTuple):
    owner: str
    pointer: str


class _Manifest:
    """The tensors of a document, and the ties between them. Raises Problems with all problems of both."""

    def __init__(self, payload: Mapping[str, Any], members: Sequence[str]) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.ties: dict[str, _Tie] = {}  # by name; an owner is tied to itself
        problems: list[ArchitectureError] = []
        for member in members:
            problems += self._read(payload.get(member, {}), member)
        problems += self._tie(payload.get("tied", ()))
        raise_problems(problems)

    def named_tensors(self) -> Mapping[str, Tensor]:
        """Return each tensor by its name, in order; a tied one names its owner."""
        owners = {name: tie.owner for name, tie in self.ties.items() if tie.owner != name}
        return self.tensors | {name: self.tensors[name]._replace(tied_to=owner) for name, owner in owners.items()}

    def _read(self, entries: Mapping[str, Any], member: str) -> Iterator[ArchitectureError]:
        kinds: dict[object, Tensor] = {}  # equal tensors are one object
        statistics = member == "state_dict" and may_hold_statistics(entries)
        for name, entry in entries.items():
            shape, dtype = entry["shape"], entry.get("dtype")
            statistic = statistics and name.rpartition(".")[2] in STATISTIC_NAMES
            kind = tuple(shape), type(sum(shape)), dtype, entry.get("requires_grad", True), statistic  # 2.0 equals 2
            if (tensor := kinds.get(kind)) is None:
                if dtype is not None and dtype not in _DTYPES:
                    detail = explain_dtype(dtype, DTYPE_NAMES)
                    yield InvalidDocument(detail, f"/{member}{token(name)}/dtype", "unknown_dtype")
                    continue
                tensor = kinds[kind] = _tensor(name, entry, member)
            if name in self.tensors:
                yield InvalidDocument("is a parameter already", f"/{member}{token(name)}", "duplicate_name")
            else:
                self.tensors[name] = tensor

    def _tie(self, groups: Sequence[Sequence[str]]) -> Iterator[ArchitectureError]:
        for number, group in enumerate(groups):
            # A parameter that is registered as a buffer too is a parameter.
            present = sorted(
                (name for name in group if name in self.tensors), key=lambda name: self.tensors[name].role == "buffer"
            )
            for index, name in enumerate(group):
                pointer = f"/tied/{number}/{index}"
                if name not in self.tensors:
                    yield InvalidDocument(f'no tensor is called "{name[:100]}"', pointer, "missing_tensor")
                elif name in self.ties:
                    yield InvalidDocument(f"is at {self.ties[name].pointer} already", pointer, "duplicate_name")
                else:
                    owner = present[0]
                    self.ties[name] = _Tie(owner, pointer)
                    if difference := self._explain_difference(name, owner):
                        detail = f'cannot be one tensor with "{owner[:100]}": {difference}'
                        yield InvalidDocument(detail, pointer, "tied")

    def _explain_difference(self, name: str, owner: str) -> str:
        """Return the difference by which two names cannot be one tensor, or ''."""
        tied, owning = self.tensors[name], self.tensors[owner]
        if tied.shape != owning.shape:
            return "their shapes differ"
        if tied.dtype != owning.dtype:
            return "their dtypes differ"
        if tied.role == owning.role and tied.trainable != owning.trainable:
            return "one requires a gradient, the other does not"
        return ""
