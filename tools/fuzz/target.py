"""One reader under atheris: whatever the bytes, there is a report or there are Problems, and memory stays in bounds.

python -m tools.fuzz.target FORMAT [FOLDER OR FILE] [options of libFuzzer]
"""

from __future__ import annotations

import sys
import tracemalloc

import atheris
import orjson

with atheris.instrument_imports(include=["paramcount", "service"]):
    from paramcount.counting.count import count
    from paramcount.formats.detect import read
    from paramcount.formats.source import NotJSON, Source
    from paramcount.model.errors import Problems
    from paramcount.rendering.json import as_json
    from paramcount.schema.registry import FORMATS, Format, load_plugins

    load_plugins()

_MEMORY = 4_000_000, 1_000
"""The most memory of one input: so many bytes, and so many times its length."""


def parse(data: bytes, format_: Format) -> object:
    """Return the document of a request with this body; None where it is no text, or no JSON string."""
    try:
        if format_.media.startswith("text/"):
            return data.decode()
        is_file = format_.media == "application/octet-stream" and data[:1] != b"{"
        return data if is_file else Source.from_json(data)
    except ValueError:
        return None


def attempt(data: bytes, format_: Format) -> None:
    """Count one input, if it can be counted."""
    body = parse(data, format_)
    if body is None:
        return
    try:
        report = count(read(body, format_))
    except NotJSON:
        return
    except Problems as refused:
        problems = refused.problems
    else:
        orjson.dumps(as_json(report, detail="tensors"))
        return
    assert 0 < len(problems) <= 100
    assert all(problem.detail and len(problem.detail) < 2_000 for problem in problems)


def main() -> None:
    name = sys.argv.pop(1)
    seen = 0

    def once(data: bytes) -> None:
        nonlocal seen
        seen += 1
        if seen % 64:
            attempt(data, FORMATS[name])
            return
        tracemalloc.start()
        attempt(data, FORMATS[name])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        fixed, factor = _MEMORY
        assert peak < fixed + factor * len(data), f"{peak} bytes of memory for {len(data)}"

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
