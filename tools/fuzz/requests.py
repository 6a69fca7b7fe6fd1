"""Hostile requests: one table of their kinds, as a stream by seed and as a strategy of Hypothesis."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import brotli
import orjson
from hypothesis import strategies as st

from paramcount.rendering import MEDIA_TYPES
from paramcount.rendering.exports import EXPORTS
from paramcount.schema.registry import FORMATS
from tools.fuzz import documents
from tools.fuzz.alterations import Pick, alter_bytes, alter_json, alter_text, encode_json, nest, pick_from

JSON = "application/json"
NDJSON = "application/x-ndjson"


class Request(NamedTuple):
    """A request, and of which kind it is."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    chunked: bool = False


Maker = Callable[[Pick], Request]
_MAKERS: list[Maker] = []


def stream(seed: int, number: int) -> Iterator[Request]:
    """Yield so many requests, of each kind in turn; a seed makes the same ones on every machine."""
    pick = Random(seed).choice
    for index in range(number):
        yield _MAKERS[index % len(_MAKERS)](pick)


@st.composite
def requests(draw: st.DrawFn, *kinds: Maker) -> Request:
    """Draw a request of one of some kinds, or of any."""
    pick = pick_from(draw)
    return pick(kinds or _MAKERS)(pick)


def _maker(make: Maker) -> Maker:
    _MAKERS.append(make)
    return make


def _post(kind: str, path: str, body: bytes, media: str = JSON, **more: Any) -> Request:
    return Request(kind, "POST", path, {"Content-Type": media, **more.pop("headers", {})}, body, **more)


def _wrap(document: bytes) -> bytes:
    return b'{"architecture":' + document + b"}"


def _to_any_route(pick: Pick, kind: str, name: str, document: bytes) -> Request:
    """A JSON document of one format, sent to one of the routes that take such."""
    envelope = _wrap(document)
    compared = b'{"before":' + envelope + b',"after":' + _wrap(_example(name)) + b"}"
    turned = b'{"after":' + envelope + b',"before":' + envelope + b"}"
    line = envelope.replace(b"\n", b" ") + b"\n"
    return pick(
        (
            _post(kind, f"/v1/count/{name}", document),
            _post(kind, f"/v1/count/{name}?detail=tensors&unknown=report&optimizer=adamw", document),
            _post(kind, f"/v1/count/{name}?freeze=*&train=type:*&depth=1", document),
            _post(kind, "/v1/count", envelope, headers={"Accept": pick(sorted(MEDIA_TYPES))}),
            _post(kind, "/v1/compare", pick((compared, turned))),
            _post(kind, "/v1/batch", line * pick((1, 3)), NDJSON),
            _post(kind, f"/v1/export/{pick(sorted(EXPORTS))}", envelope),
        )
    )


def _example(name: str) -> bytes:
    document = FORMATS[name].example
    return b"null" if isinstance(document, bytes) else orjson.dumps(document)


def _json_formats() -> list[str]:
    return [name for name, document in FORMATS.items() if not isinstance(document.example, bytes)]


@_maker
def altered_document(pick: Pick) -> Request:
    """A good document with something wrong in it, somewhere."""
    name = pick(_json_formats())
    document = alter_json(pick, pick((FORMATS[name].example, *documents.GOOD.get(name, ()))))
    return _to_any_route(pick, "altered document", name, encode_json(document))


@_maker
def altered_envelope(pick: Pick) -> Request:
    """A good envelope with something wrong in it, its options included."""
    name = pick(_json_formats())
    rules = [{"match": pick(("*", "type:Dense", "last:1", "0-2", "")), "trainable": False}]
    envelope = {"architecture": FORMATS[name].example, "format": name, "trainable": rules, "detail": "layers",
                "convention": "torch", "dtype": "F32", "depth": 2, "optimizer": "adamw"}  # fmt: skip
    path = pick(("/v1/count", "/v1/compare", "/v1/batch", *(f"/v1/export/{name}" for name in EXPORTS)))
    good = {"before": envelope, "after": envelope} if path == "/v1/compare" else envelope
    body = encode_json(alter_json(pick, good))
    return _post("altered envelope", path, body, NDJSON if path == "/v1/batch" else JSON)


@_maker
def slow_document(pick: Pick) -> Request:
    """A document that looks right and is made to take long."""
    make = pick(documents.SLOW)
    name, document = make(pick)
    return _to_any_route(pick, f"slow document: {make.__name__}", name, encode_json(document))


@_maker
def rules(pick: Pick) -> Request:
    """Globs that are made to take long, on names that are made to nearly match."""
    layers = [{"type": "Dense", "name": "a" * pick((1, 900)) + str(index), "units": 2} for index in range(300)]
    matches = documents.rules(pick)
    model = {"framework": "keras", "input_shape": [2], "layers": layers}
    return _post("rules", "/v1/count", encode_json({"architecture": model, "trainable": matches, "detail": "tensors"}))


@_maker
def text(pick: Pick) -> Request:
    """The text of a model, broken, repeated, or endless."""
    document = alter_text(pick, pick((FORMATS["torch"].example, *documents.TEXTS)))
    if pick((True, False)):
        return _post("text", "/v1/count/torch", document.encode(errors="replace"), "text/plain")
    return _to_any_route(pick, "text", "torch", encode_json(document))


@_maker
def file(pick: Pick) -> Request:
    """The first bytes of a file, cut, turned or lying about a length."""
    name = pick(("safetensors", "gguf", "onnx", "keras"))
    body = alter_bytes(pick, pick(documents.FILES[name]))
    return _post("file", f"/v1/count/{name}", body, "application/octet-stream")


@_maker
def nested(pick: Pick) -> Request:
    """Something inside something inside something."""
    body = nest(pick)
    name = pick(_json_formats())
    return _to_any_route(pick, "nest", name, body) if pick(range(10)) < 7 else _post("nest", "/v1/count", body)


@_maker
def coded(pick: Pick) -> Request:
    """A body that is compressed: well, badly, not at all, or to a bomb."""
    plain = pick(sorted(_PLAIN))
    coding = pick(sorted(_CODINGS))
    packed = _compress(plain, coding)
    damage = pick(("", "", "cut", "turned", "more", "twice", "not", "other", "unknown"))
    at = pick(range(len(packed)))
    packed = {
        "cut": packed[:at], "turned": packed[:at] + bytes([packed[at] ^ 255]) + packed[at + 1 :],
        "more": packed + b"more", "twice": packed + packed, "not": _PLAIN[plain][:100_000],
    }.get(damage, packed)  # fmt: skip
    coding = {"other": pick(("gzip, br", "br,br", "GZIP", " gzip ", "x-gzip")),
            "unknown": pick(("zstd", "compress", "*", "chunked", "x" * 3000))}.get(damage, coding)  # fmt: skip
    return _post("coded", "/v1/count", packed, headers={"Content-Encoding": coding}, chunked=pick(range(10)) < 3)


_PLAIN = {
    "good": _wrap(_example("keras")),
    "spaces": b" " * 40_000_000,
    "lists": b"[" + b"[]," * 5_000_000 + b"1]",
    "lines": b'{"architecture":"' + b"\\n" * 4_000_000 + b'"}',
    "nothing": b"",
}
_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda raw: gzip.compress(raw, 1, mtime=0),
    "br": lambda raw: brotli.compress(raw, quality=1),
    "deflate": zlib.compress,
}


@lru_cache
def _compress(plain: str, coding: str) -> bytes:
    return _CODINGS[coding](_PLAIN[plain])


_MEDIA = (
    "", "application/json; charset=utf-16", "application/json;;;=;", "text/json", "application/problem+json",
    "application/vnd.x+json", "text/plain", "text/plain; charset=latin-1", "application/octet-stream", "text/html",
    "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", NDJSON, "*/*", "json", "x" * 3000,
)  # fmt: skip


@_maker
def mistyped(pick: Pick) -> Request:
    """A body under another content type than its own."""
    name = pick(sorted(FORMATS))
    example = FORMATS[name].example
    if isinstance(example, bytes):
        bodies = [example]
    else:
        bodies = [example.encode() if isinstance(example, str) else encode_json(example), encode_json(example)]
    body = pick((*bodies, bodies[0].decode("latin-1").encode("utf-16")))
    path = pick((f"/v1/count/{name}", "/v1/count", "/v1/compare", "/v1/batch", "/v1/export/mlflow"))
    return _post("mistyped", path, body, pick(_MEDIA), chunked=pick(range(10)) < 3)


@_maker
def batch(pick: Pick) -> Request:
    """Lines: good, broken, empty, endless, of other encodings."""
    good = _wrap(_example("keras"))
    lines = [
        pick(
            (
                good, good[:-1] + b',"id":' + pick((b"1e999", b"[[[]]]", b'"' + b"x" * 9_999 + b'"')) + b"}",
                b"", b" \t", b"\r", b"\x00", b"{", b"null", good[:-5], b"\xff\xfe", good.decode().encode("utf-16"),
                nest(pick)[:200_000], b'{"id":1}', b'{"id":NaN}', good + good, b"[" + good + b"]",
            )
        )
        for _ in range(pick((1, 10, 200)))
    ]  # fmt: skip
    body = pick((b"\n", b"\r\n")).join(lines) + pick((b"", b"\n", b"\n" * 10_000))
    return _post("batch", "/v1/batch", body, NDJSON, chunked=pick((True, False)))


_PATHS = (
    "", "/", "//", "/..%2f..%2fetc/passwd", "/%00", "/%ff%fe", "/%F0%9F%98%80", "/" + "a" * 3000, "/" + "a/" * 1500,
    "/{type}", "/%7B%7B7*7%7D%7D", "/<script>", "/;", "/%0d%0aSet-Cookie:x", "/keras.Dense%20", "/LSTM", "/Dens",
)  # fmt: skip
_ROUTES = (
    "/v1/count", "/v1/count/keras", "/v1/compare", "/v1/batch", "/v1/export/mlflow", "/v1/layers", "/v1/models",
    "/v1/formats", "/v1/limits", "/openapi.json", "/openapi.yaml", "/docs", "/metrics", "/livez", "/readyz", "",
)  # fmt: skip


@_maker
def route(pick: Pick) -> Request:
    """A path that is none, or a method that is not for it."""
    path = pick(_ROUTES) + pick(("", *_PATHS))
    method = pick(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "PROPFIND"))
    return Request("route", method, path or "/", {"Content-Type": JSON}, b"{}" if method == "POST" else b"")


@_maker
def query(pick: Pick) -> Request:
    """Options in the query that are none."""
    name = pick(("depth", "detail", "freeze", "train", "convention", "dtype", "unknown", "optimizer", "x", ""))
    value = pick(
        ("", "1", "-1", "1e9", "9" * 3500, "٣", "²", "%", "%zz", "%00", "%ff", "&" * 500, "*" * 3000, "[!" * 1000,
         "a,b", "first:", "last:999999999", "all-but-first:9" + "9" * 20, "0-" + "9" * 18, "type:", "\x7f", "=", "true")
    )  # fmt: skip
    option = f"{quote(name)}={value if pick((True, False)) else quote(value)}"
    times = pick((1, 1, 2, 300))
    target = "&".join([option] * times)[:3900].encode(errors="replace").decode("latin-1")
    target = "".join(sign if "!" <= sign <= "~" else quote(sign) for sign in target)[:3900]
    return _post("query", f"/v1/count/native?{target}", _example("native"))


_HEADERS = {
    "Accept": ("*/*;q=2", "application/json;q=nan", "text/plain;q=0", "image/*", "," * 3000, "a/b," * 800, "text/csv"),
    "Accept-Encoding": ("br;q=x", "*;q=0", "gzip," * 1000, "identity;q=0", "zstd, br"),
    "X-Request-ID": ("a b", "x" * 5000, "'; drop", "\x80"),
    "traceparent": ("00-" + "0" * 32 + "-" + "0" * 16 + "-00", "x" * 5000, "00-zz-zz-00"),
    "tracestate": ("a=" + "b" * 5000, ",,,,"),
    "Authorization": ("Bearer", "Bearer " + "x" * 5000, "Basic !!!!", "bearer \x80"),
    "If-None-Match": ("*", '"' * 999, 'W/"x",' * 500),
    "Range": ("bytes=0-1", "bytes=-1", "bytes=9-1," * 300),
    "Origin": ("null", "http://" + "a" * 4000, "\x80"),
    "Host": ("", "a b", "evil.example:99999", "[::1", "x" * 3000),
    "X-Forwarded-For": (", ".join(["1.1.1.1"] * 500), "\x80", "unknown"),
    "X-Forwarded-Prefix": ("/../..", "//evil", "/" * 3000),
    "X-Forwarded-Host": ("evil.example", "\x80"),
    "Cookie": ("=" * 4000, "a=b;" * 900),
    "Expect": ("100-continue", "200-ok"),
    "Upgrade": ("websocket", "h2c"),
    "Transfer-Encoding": ("identity", "gzip", "chunked, gzip"),
    "X-HTTP-Method-Override": ("DELETE",),
}


@_maker
def header(pick: Pick) -> Request:
    """Headers that say what nobody should believe."""
    headers = {name: pick(_HEADERS[name]) for name in (pick(sorted(_HEADERS)), pick(sorted(_HEADERS)))}
    if pick((True, False)):
        return _post("header", "/v1/count/native", _example("native"), headers=headers)
    return Request("header", "GET", pick(_ROUTES[5:]) or "/", headers, b"")
