"""Serializers for the media types that schemathesis does not write by itself."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: Any, value: Any) -> bytes:
    """A batch as bytes."""
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()
