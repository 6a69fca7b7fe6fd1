"""Hostile requests by seed: the same seed makes the same ones, on every machine."""

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

from paramcount.rendering import RENDERERS
from paramcount.rendering.exports import EXPORTS
from paramcount.schema.registry import FORMATS
from tools.fuzz import traps
from tools.fuzz.mutations import mutated_bytes, mutated_json, mutated_text, nested, written

JSON = "application/json"
NDJSON = "application/x-ndjson"


class Payload(NamedTuple):
    """A request, and of which kind it is."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    chunked: bool = False


Maker = Callable[[Random], Payload]
_MAKERS: list[Maker] = []


def payloads(seed: int, number: int) -> Iterator[Payload]:
    """So many of them, of each kind in turn."""
    random = Random(seed)
    for index in range(number):
        yield _MAKERS[index % len(_MAKERS)](random)


def _maker(make: Maker) -> Maker:
    _MAKERS.append(make)
    return make


def _post(kind: str, path: str, body: bytes, media: str = JSON, **more: Any) -> Payload:
    return Payload(kind, "POST", path, {"Content-Type": media, **more.pop("headers", {})}, body, **more)


def _enveloped(document: bytes) -> bytes:
    return b'{"architecture":' + document + b"}"


def _somewhere(random: Random, kind: str, name: str, document: bytes) -> Payload:
    """A JSON document of one format, sent to one of the routes that take such."""
    envelope = _enveloped(document)
    compared = b'{"before":' + envelope + b',"after":' + _enveloped(_example(name)) + b"}"
    turned = b'{"after":' + envelope + b',"before":' + envelope + b"}"
    line = envelope.replace(b"\n", b" ") + b"\n"
    return random.choice(
        (
            _post(kind, f"/v1/count/{name}", document),
            _post(kind, f"/v1/count/{name}?detail=tensors&unknown=report&optimizer=adamw", document),
            _post(kind, f"/v1/count/{name}?freeze=*&train=type:*&depth=1", document),
            _post(kind, "/v1/count", envelope, headers={"Accept": random.choice(sorted(RENDERERS))}),
            _post(kind, "/v1/compare", random.choice((compared, turned))),
            _post(kind, "/v1/batch", line * random.choice((1, 3)), NDJSON),
            _post(kind, f"/v1/export/{random.choice(sorted(EXPORTS))}", envelope),
        )
    )


def _example(name: str) -> bytes:
    found = FORMATS[name].example
    return b"null" if isinstance(found, bytes) else orjson.dumps(found)


def _with_json() -> list[str]:
    return [name for name, found in FORMATS.items() if not isinstance(found.example, bytes)]


@_maker
def mutated_document(random: Random) -> Payload:
    """A good document with something wrong in it, somewhere."""
    name = random.choice(_with_json())
    found = mutated_json(random, random.choice((FORMATS[name].example, *traps.GOOD.get(name, ()))))
    return _somewhere(random, "mutated document", name, written(found))


@_maker
def mutated_envelope(random: Random) -> Payload:
    """A good envelope with something wrong in it, its options included."""
    name = random.choice(_with_json())
    rules = [{"match": random.choice(("*", "type:Dense", "last:1", "0-2", "")), "trainable": False}]
    envelope = {"architecture": FORMATS[name].example, "format": name, "trainable": rules, "detail": "layers",
                "convention": "torch", "dtype": "F32", "depth": 2, "optimizer": "adamw"}  # fmt: skip
    path = random.choice(("/v1/count", "/v1/compare", "/v1/batch", *(f"/v1/export/{name}" for name in EXPORTS)))
    given = {"before": envelope, "after": envelope} if path == "/v1/compare" else envelope
    body = written(mutated_json(random, given))
    return _post("mutated envelope", path, body, NDJSON if path == "/v1/batch" else JSON)


@_maker
def trap(random: Random) -> Payload:
    """A document that looks right and is made to take long."""
    make = random.choice(traps.TRAPS)
    name, document = make(random)
    return _somewhere(random, f"trap: {make.__name__}", name, written(document))


@_maker
def rules(random: Random) -> Payload:
    """Globs that are made to take long, on names that are made to nearly match."""
    layers = [{"type": "Dense", "name": "a" * random.choice((1, 900)) + str(index), "units": 2} for index in range(300)]
    matches = traps.rules(random)
    model = {"framework": "keras", "input_shape": [2], "layers": layers}
    return _post("rules", "/v1/count", written({"architecture": model, "trainable": matches, "detail": "tensors"}))


@_maker
def text(random: Random) -> Payload:
    """The text of a model, broken, repeated, or endless."""
    found = mutated_text(random, random.choice((FORMATS["torch"].example, *traps.TEXTS)))
    if random.random() < 0.5:
        return _post("text", "/v1/count/torch", found.encode(errors="replace"), "text/plain")
    return _somewhere(random, "text", "torch", written(found))


@_maker
def file(random: Random) -> Payload:
    """The first bytes of a file, cut, turned or lying about a length."""
    name = random.choice(("safetensors", "gguf", "onnx", "keras"))
    body = mutated_bytes(random, random.choice(traps.FILES[name]))
    return _post("file", f"/v1/count/{name}", body, "application/octet-stream")


@_maker
def nest(random: Random) -> Payload:
    """Something inside something inside something."""
    body = nested(random)
    name = random.choice(_with_json())
    return _somewhere(random, "nest", name, body) if random.random() < 0.7 else _post("nest", "/v1/count", body)


@_maker
def coded(random: Random) -> Payload:
    """A body that is compressed: well, badly, not at all, or to a bomb."""
    plain = random.choice(sorted(_PLAIN))
    coding = random.choice(sorted(_CODINGS))
    packed = _packed(plain, coding)
    damage = random.choice(("", "", "cut", "turned", "more", "twice", "not", "other", "unknown"))
    at = random.randrange(len(packed))
    packed = {
        "cut": packed[:at], "turned": packed[:at] + bytes([packed[at] ^ 255]) + packed[at + 1 :],
        "more": packed + b"more", "twice": packed + packed, "not": _PLAIN[plain][:100_000],
    }.get(damage, packed)  # fmt: skip
    said = {"other": random.choice(("gzip, br", "br,br", "GZIP", " gzip ", "x-gzip")),
            "unknown": random.choice(("zstd", "compress", "*", "chunked", "x" * 3000))}.get(damage, coding)  # fmt: skip
    return _post("coded", "/v1/count", packed, headers={"Content-Encoding": said}, chunked=random.random() < 0.3)


_PLAIN = {
    "good": _enveloped(_example("keras")),
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
def _packed(plain: str, coding: str) -> bytes:
    return _CODINGS[coding](_PLAIN[plain])


_MEDIA = (
    "", "application/json; charset=utf-16", "application/json;;;=;", "text/json", "application/problem+json",
    "application/vnd.x+json", "text/plain", "text/plain; charset=latin-1", "application/octet-stream", "text/html",
    "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", NDJSON, "*/*", "json", "x" * 3000,
)  # fmt: skip


@_maker
def mistyped(random: Random) -> Payload:
    """A body under another content type than its own."""
    name = random.choice(sorted(FORMATS))
    found = FORMATS[name].example
    body = found if isinstance(found, bytes) else found.encode() if isinstance(found, str) else written(found)
    body = random.choice(
        (body, written(found) if not isinstance(found, bytes) else body, body.decode("latin-1").encode("utf-16"))
    )
    path = random.choice((f"/v1/count/{name}", "/v1/count", "/v1/compare", "/v1/batch", "/v1/export/mlflow"))
    return _post("mistyped", path, body, random.choice(_MEDIA), chunked=random.random() < 0.3)


@_maker
def batch(random: Random) -> Payload:
    """Lines: good, broken, empty, endless, of other encodings."""
    good = _enveloped(_example("keras"))
    lines = [
        random.choice(
            (
                good, good[:-1] + b',"id":' + random.choice((b"1e999", b"[[[]]]", b'"' + b"x" * 9_999 + b'"')) + b"}",
                b"", b" \t", b"\r", b"\x00", b"{", b"null", good[:-5], b"\xff\xfe", good.decode().encode("utf-16"),
                nested(random)[:200_000], b'{"id":1}', b'{"id":NaN}', good + good, b"[" + good + b"]",
            )
        )
        for _ in range(random.choice((1, 10, 200)))
    ]  # fmt: skip
    body = random.choice((b"\n", b"\r\n")).join(lines) + random.choice((b"", b"\n", b"\n" * 10_000))
    return _post("batch", "/v1/batch", body, NDJSON, chunked=random.random() < 0.5)


_ODD = (
    "", "/", "//", "/..%2f..%2fetc/passwd", "/%00", "/%ff%fe", "/%F0%9F%98%80", "/" + "a" * 3000, "/" + "a/" * 1500,
    "/{type}", "/%7B%7B7*7%7D%7D", "/<script>", "/;", "/%0d%0aSet-Cookie:x", "/keras.Dense%20", "/LSTM", "/Dens",
)  # fmt: skip
_ROUTES = (
    "/v1/count", "/v1/count/keras", "/v1/compare", "/v1/batch", "/v1/export/mlflow", "/v1/layers", "/v1/models",
    "/v1/formats", "/v1/limits", "/openapi.json", "/openapi.yaml", "/docs", "/metrics", "/livez", "/readyz", "",
)  # fmt: skip


@_maker
def route(random: Random) -> Payload:
    """A path that is none, or a method that is not for it."""
    path = random.choice(_ROUTES) + random.choice(("", *_ODD))
    method = random.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "PROPFIND"))
    return Payload("route", method, path or "/", {"Content-Type": JSON}, b"{}" if method == "POST" else b"")


@_maker
def query(random: Random) -> Payload:
    """Options in the query that are none."""
    name = random.choice(("depth", "detail", "freeze", "train", "convention", "dtype", "unknown", "optimizer", "x", ""))
    value = random.choice(
        ("", "1", "-1", "1e9", "9" * 3500, "٣", "²", "%", "%zz", "%00", "%ff", "&" * 500, "*" * 3000, "[!" * 1000,
         "a,b", "first:", "last:999999999", "all-but-first:9" + "9" * 20, "0-" + "9" * 18, "type:", "\x7f", "=", "true")
    )  # fmt: skip
    asked = f"{quote(name)}={value if random.random() < 0.5 else quote(value)}"
    times = random.choice((1, 1, 2, 300))
    target = "&".join([asked] * times)[:3900].encode(errors="replace").decode("latin-1")
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
def header(random: Random) -> Payload:
    """Headers that say what nobody should believe."""
    chosen = {name: random.choice(values) for name, values in random.sample(sorted(_HEADERS.items()), 2)}
    if random.random() < 0.5:
        return _post("header", "/v1/count/native", _example("native"), headers=chosen)
    return Payload("header", "GET", random.choice(_ROUTES[5:]) or "/", chosen, b"")
