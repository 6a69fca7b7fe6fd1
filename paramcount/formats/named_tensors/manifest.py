"""tensors: a PyTorch model's parameters and buffers by name, as a few lines of Python print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from marshmallow import RAISE, Schema, fields, validate

from paramcount.formats.named_tensors.checkpoint import (
    HIGHEST_RANK,
    MAX_TENSORS,
    STATISTICS,
    dtype_problem,
    flags_warning,
    may_hold_statistics,
    refuse,
    stored,
)
from paramcount.formats.named_tensors.tree import tree
from paramcount.model.document import Document
from paramcount.model.dtypes import DTYPE_NAMES
from paramcount.model.errors import ArchitectureError, InvalidDocument, TooLarge, token
from paramcount.model.tensors import Tensor
from paramcount.schema.registry import reader
from paramcount.schema.signature import MAX_DIMENSION

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

_NAMES: Mapping[str, str] = {**DTYPE_NAMES, **{f"torch.{name}": ours for name, ours in DTYPE_NAMES.items()}}


class NamedTensor(Schema):
    """One tensor."""

    class Meta:
        unknown = RAISE

    shape = fields.List(
        fields.Integer(strict=True, validate=validate.Range(0, MAX_DIMENSION)),
        required=True,
        validate=validate.Length(max=HIGHEST_RANK),
    )
    dtype = fields.String(metadata={"description": "as torch names it: float32 or torch.float32"})


class NamedParameter(NamedTensor):
    """One tensor, and whether it trains."""

    requires_grad = fields.Boolean(load_default=True)


class TensorsDocument(Schema):
    """Parameters and buffers by name, and which names are one tensor; or a state_dict, which tells them not apart."""

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


@reader("tensors", claims=_claims, schema=TensorsDocument, example=_EXAMPLE)
def tensors(payload: Mapping[str, Any]) -> Document:
    """The parameters and buffers of a PyTorch model by name, with shape, dtype and requires_grad: always exact."""
    if not isinstance(payload, Mapping) or ("parameters" in payload) == ("state_dict" in payload):
        raise InvalidDocument('must be an object with either "parameters" or a "state_dict"')
    if "state_dict" in payload and "buffers" in payload:
        raise InvalidDocument("a state_dict holds its buffers itself", "/buffers", "unknown_member")
    if (count := sum(len(payload.get(member, ())) for member in _MEMBERS)) > MAX_TENSORS:
        raise TooLarge(f"holds {count:,} tensors, where {MAX_TENSORS:,} are the most")
    if "state_dict" in payload:
        found = _Tensors(payload, ("state_dict",))
        return Document(tree(found.told()), "stored", "torch", warnings=(flags_warning(list(found.told().values())),))
    return Document(tree(_Tensors(payload, ("parameters", "buffers")).told()), "torch", "torch")


def _problem(entry: Mapping[str, Any], pointer: str) -> ArchitectureError | None:
    """What is wrong with an entry that is as the schema has it."""
    dtype = entry.get("dtype")
    if dtype is not None and dtype not in _NAMES:
        return InvalidDocument(dtype_problem(dtype, DTYPE_NAMES), f"{pointer}/dtype", "unknown_dtype")
    return None


def _tensor(name: str, entry: Mapping[str, Any], member: str) -> Tensor:
    """The tensor that an entry is, without its name."""
    shape, dtype = tuple(entry["shape"]), _NAMES.get(entry.get("dtype", ""), "")
    if member == "state_dict":
        return stored(name, shape, dtype)
    role: Literal["weight", "buffer"] = "weight" if member == "parameters" else "buffer"
    return Tensor("", shape, role, dtype, entry.get("requires_grad", True))


class _Tied(NamedTuple):
    owner: str
    pointer: str


class _Tensors:
    """The tensors of a document. Raises Problems with all that is wrong with them."""

    def __init__(self, payload: Mapping[str, Any], members: Sequence[str]) -> None:
        self.by_name: dict[str, Tensor] = {}
        self.tied: dict[str, _Tied] = {}
        problems: list[ArchitectureError] = []
        for member in members:
            problems += self._read(payload.get(member, {}), member)
        problems += self._tie(payload.get("tied", ()))
        refuse(problems)

    def told(self) -> Mapping[str, Tensor]:
        """Each tensor by its name, in order; a tied one says which it is."""
        ties = {name: tie.owner for name, tie in self.tied.items() if tie.owner != name}
        return self.by_name | {name: self.by_name[name]._replace(tied_to=owner) for name, owner in ties.items()}

    def _read(self, entries: Mapping[str, Any], member: str) -> Iterator[ArchitectureError]:
        kinds: dict[object, Tensor] = {}  # those that are alike are one object
        statistics = member == "state_dict" and may_hold_statistics(entries)
        for name, entry in entries.items():
            shape, dtype = entry["shape"], entry.get("dtype")
            statistic = statistics and name.rpartition(".")[2] in STATISTICS
            kind = tuple(shape), type(sum(shape)), dtype, entry.get("requires_grad", True), statistic  # 2.0 equals 2
            if (tensor := kinds.get(kind)) is None:
                if problem := _problem(entry, f"/{member}{token(name)}"):
                    yield problem
                    continue
                tensor = kinds[kind] = _tensor(name, entry, member)
            if name in self.by_name:
                yield InvalidDocument("is a parameter already", f"/{member}{token(name)}", "duplicate_name")
            else:
                self.by_name[name] = tensor

    def _tie(self, groups: Sequence[Sequence[str]]) -> Iterator[ArchitectureError]:
        for number, group in enumerate(groups):
            # A parameter that is registered as a buffer too is a parameter.
            owners = sorted(
                (name for name in group if name in self.by_name), key=lambda n: self.by_name[n].role == "buffer"
            )
            for place, name in enumerate(group):
                pointer = f"/tied/{number}/{place}"
                if name not in self.by_name:
                    yield InvalidDocument(f'no tensor is called "{name[:100]}"', pointer, "missing_tensor")
                elif name in self.tied:
                    yield InvalidDocument(f"stands at {self.tied[name].pointer} already", pointer, "duplicate_name")
                else:
                    self.tied[name] = _Tied(owners[0], pointer)
                    if wrong := self._differs(name, owners[0]):
                        yield InvalidDocument(
                            f'cannot be one tensor with "{owners[0][:100]}": {wrong}', pointer, "tied"
                        )

    def _differs(self, name: str, owner: str) -> str:
        ours, theirs = self.by_name[name], self.by_name[owner]
        if ours.shape != theirs.shape:
            return "their shapes differ"
        if ours.dtype != theirs.dtype:
            return "their dtypes differ"
        if ours.role == theirs.role and ours.trainable != theirs.trainable:
            return "one requires a gradient, the other does not"
        return ""
