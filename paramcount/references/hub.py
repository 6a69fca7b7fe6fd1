"""References to the Hugging Face Hub, or to a mirror of it at HF_ENDPOINT: hf://org/model[@revision][/file]."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from paramcount.formats.source import NotJSON, decode
from paramcount.model.errors import InvalidDocument
from paramcount.references.client import Client, Request

_NAME = r"[\w.-]+"

_REFERENCE = re.compile(
    rf"hf://(?:models/)?(?P<repository>{_NAME}/{_NAME}|{_NAME}(?=(?:@[^/]+)?/?$))(?:@(?P<revision>refs/(?:pr/\d+|convert/[\w-]+)|[^/@]+))?"
    r"(?:/(?P<path>[^?#]+?))?/?"
)
_PAGE = re.compile(
    rf"/(?P<repository>{_NAME}/{_NAME})(?:/(?:tree|blob|resolve)/(?P<revision>refs/(?:pr/\d+|convert/[\w-]+)|[^/]+)"
    r"(?:/(?P<path>.+?))?)?/?"
)
"""The path of a page of the Hub."""

_NO_MODELS = ("api/", "datasets/", "spaces/", "docs/", "blog/", "papers/")


class Reference(NamedTuple):
    """A model on the Hub, a revision of it, and a file or folder in it."""

    repository: str
    revision: str
    path: str

    def address(self, path: str) -> str:
        """Return the address of a file."""
        return f"{endpoint()}/{self.repository}/resolve/{quote(self.revision, safe='')}/{quote(path)}"


def endpoint() -> str:
    """Return the Hub's address."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def make_client(observe: Callable[[Request], None] = lambda _: None) -> Client:
    """Return a client that sends the environment's token to the Hub, and to no other host."""
    token = os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or ""
    return Client(token.strip(), urlsplit(endpoint()).netloc, observe)


def parse_reference(text: str) -> Reference | None:
    """Return the reference in a text; None for an address that is no page of the Hub. Raises InvalidDocument."""
    if text.lower().startswith("hf://"):
        match = _REFERENCE.fullmatch(text)
        if not match:
            raise InvalidDocument("is no reference: hf://org/model[@revision][/file]", code="reference")
    else:
        page = text.removeprefix(endpoint())
        match = _PAGE.fullmatch(page) if page != text and not page[1:].startswith(_NO_MODELS) else None
        if not match:
            return None
    return Reference(match["repository"], match["revision"] or "main", match["path"] or "")


def list_files(reference: Reference, client: Client) -> list[str]:
    """Return the paths of a model's files. Raises OSError or InvalidDocument."""
    revision = quote(reference.revision, safe="")
    address = f"{endpoint()}/api/models/{reference.repository}/revision/{revision}"
    try:
        answer = decode(client.get(address))
        return [entry["rfilename"] for entry in answer["siblings"] if isinstance(entry["rfilename"], str)]
    except (NotJSON, KeyError, TypeError):
        raise InvalidDocument(f"{address} is no list of a model's files", code="reference") from None
