"""References: models at an address or on the Hugging Face Hub, of which only the bytes that are needed are fetched."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from paramcount.formats.files import open_content
from paramcount.formats.repository.checkpoints import is_relevant
from paramcount.formats.source import NotJSON, Source, decode
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems
from paramcount.references.client import Client, RemoteFile, Request
from paramcount.references.hub import Reference, endpoint, list_files, make_client, parse_reference

_INDEX = ".safetensors.index.json"

__all__ = ["Client", "Request", "make_client", "open_reference"]


def open_reference(text: str, client: Client) -> Source:
    """Open what is at an address, or hf://org/model[@revision][/file]. Raises OSError or Problems."""
    try:
        reference = parse_reference(text)
        return _open_model(reference, client) if reference else _open_address(text, client)
    except ArchitectureError as error:
        raise Problems([error]) from None


def _open_model(reference: Reference, client: Client) -> Source:
    """Open a file of a model on the Hub, or a folder of it."""
    paths = [reference.path] if "." in PurePosixPath(reference.path).name else list_files(reference, client)
    if reference.path in paths:
        return _open_file(client.open(reference.address(reference.path), reference.path), reference.path)
    prefix = f"{reference.path}/" if reference.path else ""
    files = {
        path.removeprefix(prefix): client.open(reference.address(path), path)
        for path in paths
        if path.startswith(prefix) and is_relevant(path)
    }
    if not files:
        detail = f"holds no model in {reference.path or 'its files'}"
        raise InvalidDocument(f"{reference.repository} on {endpoint()} {detail}", code="missing_file")
    return Source.of({"files": files})


def _open_address(address: str, client: Client) -> Source:
    """Open the file at an address; of an index of a checkpoint, the files beside it."""
    name = PurePosixPath(urlsplit(address).path).name
    file = client.open(address, name)
    if not name.endswith(_INDEX):
        return _open_file(file, name)
    try:
        index = decode(file[:])
    except NotJSON:
        return _open_file(file, name)
    names = index.get("weight_map") if isinstance(index, dict) else None
    shards = {shard for shard in names.values() if isinstance(shard, str)} if isinstance(names, dict) else set()
    files: dict[str, Any] = {shard: client.open(_beside(address, shard), shard) for shard in sorted(shards)}
    return Source.of({"files": {name: index, **files}})


def _beside(address: str, name: str) -> str:
    """Return the address of a file in the same folder."""
    parts = urlsplit(address)
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}").geturl()


def _open_file(file: RemoteFile, name: str) -> Source:
    return open_content(PurePosixPath(name).name, file)
