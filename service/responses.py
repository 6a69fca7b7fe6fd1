"""Responses: data as JSON, text in a media type."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response

from paramcount.rendering import JSON


def respond_json(data: Any, status: int = 200, media: str = JSON) -> Response:
    """Return JSON-able data as a response."""
    return Response(orjson.dumps(data), status, content_type=media)


def content_type(media: str) -> str:
    """Return the Content-Type of a rendered media type: text states its charset, JSON has none."""
    return media if media == JSON else f"{media}; charset=utf-8"
