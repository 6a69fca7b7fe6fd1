"""A Functional model as Keras 3 writes it, decoded only as far as one must: most layers are like some read before."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta, Raw, Struct, ValidationError
from msgspec.json import Decoder

from paramcount.model.cache import MAX_KEY_BYTES
from paramcount.model.layers import Call, Ref
from paramcount.schema.signature import MAX_DIMENSION

_ABSENT = Raw()

_Number = Annotated[int, Meta(ge=0, le=MAX_DIMENSION)]


class _Origin(Struct, gc=False, forbid_unknown_fields=True):
    """A tensor's shape, and which layer, which call of it, and which of its outputs it comes from."""

    shape: Annotated[tuple[_Number | None, ...], Meta(max_length=64)]
    keras_history: tuple[str, _Number, _Number]
    dtype: str | None = None


class _Tensor(Struct, gc=False, forbid_unknown_fields=True):
    class_name: Literal["__keras_tensor__"]
    config: _Origin


class _Node(Struct, gc=False, forbid_unknown_fields=True):
    """A call on one tensor, or on one list of them, and nothing else."""

    args: tuple[_Tensor | list[_Tensor]]
    kwargs: dict[str, None]


class Written(Struct, gc=False, forbid_unknown_fields=True):
    """A layer, decoded but for its name not at all."""

    name: str
    class_name: Raw
    config: Raw
    inbound_nodes: Raw
    module: Raw = _ABSENT
    registered_name: Raw = _ABSENT
    build_config: Raw = _ABSENT

    def essence(self) -> bytes | None:
        """What a layer that is no model comes to follows from this, whatever it is called and wired to; None where it
        is too long. No JSON has bytes of 0 or 1."""
        found = b"\0".join((self.class_name, self.module, self.registered_name, self.config))
        name = orjson.dumps(self.name)
        before, _, after = found.partition(b'"name": ' + name)  # the first alone: another may be a dtype's
        if not after:
            before, _, after = found.partition(b'"name":' + name)
        return b"%b\1%b" % (before, after) if len(found) <= MAX_KEY_BYTES else None

    def calls(self) -> tuple[Call, ...] | None:
        """How it is called; None where that is not once, on a tensor or a list of them and nothing else, as nearly
        all are, or never, as an input is."""
        try:
            (node,) = _NODES.decode(self.inbound_nodes)
        except ValidationError:
            return () if bytes(self.inbound_nodes) == b"[]" else None
        (given,) = node.args
        return (Call(([_ref(tensor) for tensor in given] if isinstance(given, list) else _ref(given),)),)

    def whole(self) -> dict[str, Any]:
        """All of it, decoded. Raises ValueError."""
        return _members(self)


class _Config(Struct, gc=False, forbid_unknown_fields=True):
    name: str
    layers: list[Written]
    input_layers: Raw
    output_layers: Raw
    trainable: bool = True


class _Model(Struct, gc=False, forbid_unknown_fields=True):
    class_name: Literal["Functional"]
    config: _Config
    module: Raw = _ABSENT
    registered_name: Raw = _ABSENT
    build_config: Raw = _ABSENT
    compile_config: Raw = _ABSENT


_MODEL, _NODES = Decoder(_Model), Decoder(tuple[_Node])


def decoded(raw: bytes) -> dict[str, Any] | None:
    """A model's JSON with its layers as `Written`; None where anything is written otherwise than Keras 3 does, which
    includes other than ASCII, since what is not decoded could be no UTF-8."""
    if not raw.isascii() or b"__keras_tensor__" not in raw:
        return None
    try:
        model = _MODEL.decode(raw)
        return _members(model) | {"config": _members(model.config)}
    except (ValueError, RecursionError):
        return None


def _members(struct: Struct) -> dict[str, Any]:
    """What is there of it, decoded as far as it is not. Raises ValueError."""
    members = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {
        name: orjson.loads(bytes(value)) if isinstance(value, Raw) else value
        for name, value in members
        if value is not _ABSENT
    }


def _ref(tensor: _Tensor) -> Ref:
    name, call, output = tensor.config.keras_history
    return Ref(name, call, output, tensor.config.shape)
