"""Keras' JSON, decoded at need: a layer's members stay bytes until they are used."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from msgspec import Meta, Raw, Struct, ValidationError, field
from msgspec.json import Decoder
from msgspec.structs import astuple

from paramcount.formats import unique_names
from paramcount.formats.source import decode, syntax_error
from paramcount.model import budget
from paramcount.model.cache import MAX_KEY_BYTES, Cache
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Call, Ref
from paramcount.schema.signature import MAX_DIMENSION, MAX_RANK
from paramcount.schema.validator import format_value

ABSENT = Raw()

ENVELOPES = {"modelTopology": "topology", "model_config": "model_config"}
"""Members that hold a document of Keras, and their fields: of TensorFlow.js' `model.json`, and of an HDF5 file."""

MAX_ENVELOPES = 3
"""The most envelopes inside each other."""

UNPROVEN = -(10**12)
"""The number of names in JSON that may hold a name twice; no document has enough others to make up for it."""

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

    def count_members(self) -> int:
        """Return the number of members that are there."""
        values = astuple(self)
        return len(values) - values.count(ABSENT)

    def count_names(self, member: str, value: Any = ABSENT) -> int:
        """Return the number of names in the objects of a member; UNPROVEN where one may be there twice.

        `value` is what the member was decoded to, if it was.
        """
        raw = getattr(self, member)
        if type(raw) is not Raw or raw is ABSENT:
            return 0
        raw = bytes(raw)
        if value is ABSENT:
            value = decode(raw) if raw.count(b":") > 1 else None
        names = unique_names.count_names(raw, value)
        return UNPROVEN if names is None else names


class SimpleCalls(NamedTuple):
    """The calls of a layer, and the number of names that it has for them: that of the member, and those in its JSON."""

    calls: tuple[Call, ...]
    names: int


_NO_CALLS, _EMPTY_CALLS = SimpleCalls((), 0), SimpleCalls((), 1)

_CALLS: Cache[SimpleCalls] = Cache(
    max_weight=4 * 2**20, weigh=lambda calls: 1_500 + 10 * calls.names, admit_on_second_use=True
)
"""Calls by their JSON."""


class RawLayer(_Raw):
    """A layer or a model as Keras serializes it: its class, the arguments that rebuild it, and its calls."""

    class_name: Raw = ABSENT
    config: Raw = ABSENT
    name: str | Raw = ABSENT
    inbound_nodes: Raw = ABSENT
    module: Raw = ABSENT
    registered_name: Raw = ABSENT
    build_config: Raw = ABSENT
    compile_config: Raw = ABSENT
    shared_object_id: Raw = ABSENT

    def __contains__(self, member: str) -> bool:
        return getattr(self, member) is not ABSENT

    def cache_key(self, prefix: bytes) -> bytes | None:
        """Return `prefix` and the JSON of class and config, equal for equal layers; None where it is too long."""
        kind = prefix, self.class_name, self.module, self.registered_name
        key = b"\0".join((*kind, self.config, self.build_config, self.compile_config))  # no JSON has a NUL
        return key if len(key) <= MAX_KEY_BYTES else None

    def simple_calls(self) -> SimpleCalls | None:
        """Return its calls if it has none, or one on a tensor or a list of tensors and nothing else; otherwise None.

        Raises NotJSON.
        """
        raw = self.inbound_nodes
        if raw is ABSENT:
            return _NO_CALLS
        key = bytes(raw)
        if (calls := _CALLS.get(key)) is not None:
            return calls
        try:
            (node,) = _NODES.decode(key)
        except ValidationError:
            return _EMPTY_CALLS if key == b"[]" else None
        (tensors,) = node.args
        inputs = [tensor.ref() for tensor in tensors] if isinstance(tensors, list) else tensors.ref()
        calls = SimpleCalls((Call((inputs,)),), 1 + node.count_names())
        if len(key) <= MAX_KEY_BYTES:
            _CALLS.put(key, calls)
        return calls


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
    dtype: Raw = ABSENT
    build_input_shape: Raw = ABSENT

    @property
    def layers_pointer(self) -> str:
        """The pointer of its layers below that of the model."""
        return "/config/layers"

    @property
    def is_functional(self) -> bool:
        """True if its layers are wired by name."""
        return self.layers is not None and self.input_layers is not ABSENT and self.output_layers is not ABSENT


class LenientModel(RawModel):
    """The config of a model whose `layers` are no list of objects."""

    layers: Raw = ABSENT  # type: ignore[assignment]


class ListModel(LenientModel):
    """The config of a Sequential that is the list of its layers, as Keras before 2.2.3 wrote it."""

    @property
    def layers_pointer(self) -> str:
        return "/config"


class RawDocument(NamedTuple):
    """A whole document: a layer or a model, the decoded config of a model, and the settings of its `compile`."""

    item: RawLayer
    model: RawModel | None
    compile_config: Any
    keras_version: Any
    raw: bytes
    pointer: str = ""  # of the layer or model in an envelope
    names_beside: int = UNPROVEN  # in the members that `item` lacks; those of an envelope are not looked at


class _Layer(LenientLayer):
    keras_version: Raw = ABSENT
    backend: Raw = ABSENT
    # Envelopes: of TensorFlow.js, of the attributes of an HDF5 file.
    topology: Raw = field(default=ABSENT, name="modelTopology")
    model_config: Raw = ABSENT
    node: Raw = ABSENT  # of a graph of operations


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

    def count_names(self) -> int:
        """Return the number of names in it, if no object has one twice."""
        (tensors,) = self.args
        tensors = tensors if isinstance(tensors, list) else [tensors]
        dtypes = sum([tensor.config.dtype is not None for tensor in tensors])
        return (
            2 + len(self.kwargs) + 4 * len(tensors) + dtypes
        )  # args and kwargs; class_name, config, its shape and keras_history


_LAYER, _MODEL, _LENIENT_MODEL = Decoder(RawLayer), Decoder(RawModel), Decoder(LenientModel)
_LENIENT_LAYER = Decoder(LenientLayer)
_LAYER_DOCUMENT, _MODEL_DOCUMENT = Decoder(_Layer), Decoder(_Model)
_ITEMS, _NODES = Decoder(list[Raw]), Decoder(tuple[_Node])

_DECODED = Raw(b"{}")
"""A stand-in for the config of a layer whose config is decoded already."""


def parse_document(raw: bytes) -> RawDocument | None:
    """Return the document in JSON, decoded in one pass if it is a model; None if it is no object. Raises NotJSON."""
    return _parse_document(raw, "", None)


def _parse_document(raw: bytes, pointer: str, version: Any) -> RawDocument | None:
    """Return the document in JSON that is at `pointer`; `version` is that of Keras by its envelope."""
    if (model := _decode(_MODEL_DOCUMENT, raw)) is not None and model.config.layers:
        return _make_document(model, _DECODED, model.config, version, raw, pointer)
    if (layer := _decode(_LAYER_DOCUMENT, raw)) is None:
        return None
    if layer.class_name is ABSENT:
        if (member := _find_enveloped(layer)) and pointer.count("/") < MAX_ENVELOPES:
            enveloped = _decode_enveloped(layer, member)
            pointer = f"{pointer}/{member}"
            if (document := _parse_document(enveloped, pointer, layer.get("keras_version", version))) is None:
                detail = f"must be an object, not {format_value(decode(enveloped))}"
                raise InvalidDocument(detail, pointer, "type")
            return document
        if layer.node is not ABSENT:
            raise InvalidDocument("is a graph of operations and states no layers: send the model's to_json()", pointer)
    return _make_document(layer, layer.config, None, version, raw, pointer)


def _make_document(
    document: _Layer, config: Raw, model: RawModel | None, version: Any, raw: bytes, pointer: str
) -> RawDocument:
    return RawDocument(
        item=_make_layer(document, config),
        model=model,
        compile_config=document.get("compile_config"),
        keras_version=document.get("keras_version", version),
        raw=raw,
        pointer=pointer,
        names_beside=UNPROVEN if pointer else _count_names_beside(document),
    )


def _count_names_beside(document: _Layer) -> int:
    """Return the number of names in the members of a document that no layer has."""
    return (document.keras_version is not ABSENT) + (document.backend is not ABSENT)


def _find_enveloped(document: _Layer) -> str:
    """Return the member of an envelope that holds the document, or ''."""
    return next((member for member, name in ENVELOPES.items() if getattr(document, name) is not ABSENT), "")


def _decode_enveloped(envelope: _Layer, member: str) -> bytes:
    """Return the JSON of the document in an envelope, where it may be a string."""
    raw = bytes(getattr(envelope, ENVELOPES[member]))
    if raw[:1] == b'"':
        raw = decode(raw).encode()
        budget.check_values(raw)
        unique_names.check_undecoded(raw)
    return raw


def _make_layer(document: _Layer, config: Raw) -> RawLayer:
    return RawLayer(
        class_name=document.class_name,
        config=config,
        name=document.name,
        inbound_nodes=document.inbound_nodes,
        module=document.module,
        registered_name=document.registered_name,
        build_config=document.build_config,
        compile_config=document.compile_config,
        shared_object_id=document.shared_object_id,
    )


def is_list(raw: Raw) -> bool:
    """Return whether JSON is a list."""
    return bytes(memoryview(raw)[:1]) == b"["


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


def count_leaf_names(item: RawLayer, config: Any) -> int:
    """Return the number of names in a layer, without those in its calls, its `name` and its `shared_object_id`."""
    beside = (item.name is not ABSENT) + (item.inbound_nodes is not ABSENT) + (item.shared_object_id is not ABSENT)
    names = item.count_members() - beside + item.count_names("config", config)
    return names + item.count_names("build_config") + item.count_names("compile_config")


def count_model_names(item: RawLayer, config: RawModel) -> int:
    """Return the number of names in a model, without those in its layers and in its calls."""
    members = item.count_members() - (item.inbound_nodes is not ABSENT)
    members += sum(map(item.count_names, ("build_config", "compile_config")))
    if not isinstance(config, ListModel):
        members += config.count_members() - (config.layers is None) + config.count_names("dtype")
    return members
