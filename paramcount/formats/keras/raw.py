"""Keras' JSON, decoded at need: a layer's members stay bytes until they are used."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from msgspec import Meta, Raw, Struct, ValidationError, field
from msgspec.json import Decoder

from paramcount.formats.source import decode, syntax_error
from paramcount.model.cache import MAX_KEY_BYTES
from paramcount.model.layers import Call, Ref
from paramcount.schema.signature import MAX_DIMENSION, MAX_RANK

ABSENT = Raw()

T = TypeVar("T")

_Number = Annotated[int, Meta(ge=0, le=MAX_DIMENSION)]


class _Raw(Struct, gc=False):
    """An object of JSON; each member as its JSON."""

    def get(self, member: str, default: Any = None) -> Any:
        """Return the value of a member, or `default` if it is absent. Raises NotJSON."""
        value = getattr(self, member)
        if value is ABSENT:
            return default
        return decode(value) if type(value) is Raw else value


class RawLayer(_Raw):
    """A layer or a model as Keras serializes it: its class, the arguments that rebuild it, and its calls."""

    class_name: Raw = ABSENT
    config: Raw = ABSENT
    name: str | Raw = ABSENT
    inbound_nodes: Raw = ABSENT
    module: Raw = ABSENT
    registered_name: Raw = ABSENT
    build_config: Raw = ABSENT
    shared_object_id: Raw = ABSENT

    def __contains__(self, member: str) -> bool:
        return getattr(self, member) is not ABSENT

    @property
    def cache_key(self) -> bytes | None:
        """The JSON of class and config, equal for equal layers; None where it is too long. No JSON holds a NUL."""
        key = b"\0".join((self.class_name, self.module, self.registered_name, self.config))
        return key if len(key) <= MAX_KEY_BYTES else None

    def simple_calls(self) -> tuple[Call, ...] | None:
        """Return its calls if it has none, or one on a tensor or a list of tensors and nothing else; otherwise None."""
        if self.inbound_nodes is ABSENT:
            return ()
        try:
            (node,) = _NODES.decode(self.inbound_nodes)
        except ValidationError:
            return () if bytes(self.inbound_nodes) == b"[]" else None
        (tensors,) = node.args
        return (Call(([tensor.ref() for tensor in tensors] if isinstance(tensors, list) else tensors.ref(),)),)


class LenientLayer(RawLayer):
    """A layer whose `name` is no string."""

    name: Raw = ABSENT


class RawModel(_Raw):
    """The config of a model: its layers, and how they are wired."""

    layers: list[RawLayer] | None = None
    input_layers: Raw = ABSENT
    output_layers: Raw = ABSENT
    name: Raw = ABSENT
    trainable: Raw = ABSENT
    build_input_shape: Raw = ABSENT

    @property
    def is_functional(self) -> bool:
        """True if its layers are wired by name."""
        return self.layers is not None and self.input_layers is not ABSENT and self.output_layers is not ABSENT


class LenientModel(RawModel):
    """The config of a model whose `layers` are no list of objects."""

    layers: Raw = ABSENT  # type: ignore[assignment]


class RawDocument(NamedTuple):
    """A whole document: a layer or a model, the decoded config of a model, and the settings of its `compile`."""

    item: RawLayer
    model: RawModel | None
    compile_config: Any


class _Layer(LenientLayer):
    compile_config: Raw = ABSENT


class _Model(_Layer):
    config: RawModel = field(default_factory=RawModel)  # type: ignore[assignment]


class _Origin(Struct, gc=False, forbid_unknown_fields=True):
    """A tensor's shape, and its source: a layer's name, the numbers of a call and of an output of that."""

    shape: Annotated[tuple[_Number | None, ...], Meta(max_length=MAX_RANK)]
    keras_history: tuple[str, _Number, _Number]
    dtype: str | None = None


class _Tensor(Struct, gc=False, forbid_unknown_fields=True):
    class_name: Literal["__keras_tensor__"]
    config: _Origin

    def ref(self) -> Ref:
        layer, call, output = self.config.keras_history
        return Ref(layer, call, output, self.config.shape)


class _Node(Struct, gc=False, forbid_unknown_fields=True):
    """A call on one tensor, or on one list of them, and nothing else."""

    args: tuple[_Tensor | list[_Tensor]]
    kwargs: dict[str, None]


_LAYER, _MODEL, _LENIENT_MODEL = Decoder(RawLayer), Decoder(RawModel), Decoder(LenientModel)
_LENIENT_LAYER = Decoder(LenientLayer)
_LAYER_DOCUMENT, _MODEL_DOCUMENT = Decoder(_Layer), Decoder(_Model)
_ITEMS, _NODES = Decoder(list[Raw]), Decoder(tuple[_Node])

_DECODED = Raw(b"{}")
"""A stand-in for the config of a layer whose config is decoded already."""


def parse_document(raw: bytes) -> RawDocument | None:
    """Return the document in JSON, decoded in one pass if it is a model; None if it is no object. Raises NotJSON."""
    if (model := _decode(_MODEL_DOCUMENT, raw)) is not None and model.config.layers:
        return RawDocument(_make_layer(model, _DECODED), model.config, model.get("compile_config"))
    layer = _decode(_LAYER_DOCUMENT, raw)
    return None if layer is None else RawDocument(_make_layer(layer, layer.config), None, layer.get("compile_config"))


def _make_layer(document: _Layer, config: Raw) -> RawLayer:
    return RawLayer(
        class_name=document.class_name,
        config=config,
        name=document.name,
        inbound_nodes=document.inbound_nodes,
        module=document.module,
        registered_name=document.registered_name,
        build_config=document.build_config,
        shared_object_id=document.shared_object_id,
    )


def parse_layer(raw: bytes | Raw) -> RawLayer | None:
    """Return the layer in JSON; None if that is no object. Raises NotJSON."""
    return _decode(_LAYER, raw) or _decode(_LENIENT_LAYER, raw)


def parse_model(raw: Raw) -> RawModel | None:
    """Return the config of a model in JSON; None if that is no object. Raises NotJSON."""
    return _decode(_MODEL, raw) or _decode(_LENIENT_MODEL, raw)


def parse_layers(model: RawModel) -> list[RawLayer | Raw]:
    """Return the layers of a model, those that are no objects undecoded; none if there is no list. Raises NotJSON."""
    if isinstance(model.layers, Raw):
        return [parse_layer(item) or item for item in _decode(_ITEMS, model.layers) or ()]
    return [*(model.layers or ())]


def _decode(decoder: Decoder[T], raw: bytes | Raw) -> T | None:
    """Return the value that a decoder makes of JSON; None if the JSON is of another type. Raises NotJSON."""
    try:
        return decoder.decode(raw)
    except ValidationError:
        return None
    except ValueError as error:
        raise syntax_error(bytes(raw), error) from None
