"""Uploads: bytes of which nothing or only a file's name says what they are, and several files as one repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from paramcount.counting.freezing import Rule
from paramcount.formats.files import open_content
from paramcount.formats.partial_file import PartialFile
from paramcount.formats.repository.checkpoints import is_relevant
from paramcount.formats.source import Bytes, Source
from paramcount.model import budget
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.requests.envelope import CountRequest, load_envelope


def load_upload(
    raw: Any, options: Mapping[str, Any] = MappingProxyType({}), rules: Sequence[Rule] = (), name: str = ""
) -> CountRequest:
    """Load a file's bytes, in full or in part: an envelope, or a document of any format. Raises Problems or NotJSON."""
    try:
        source = open_content(name, raw)
        if source.kind != "file" and isinstance(raw, bytes):
            budget.check_values(raw, text=source.kind == "text")
    except ArchitectureError as error:
        raise Problems([error]) from None
    return load_source(source, options, rules)


def load_source(source: Source, options: Mapping[str, Any], rules: Sequence[Rule]) -> CountRequest:
    """Load a document that may be an envelope, if it is JSON. Raises Problems or NotJSON."""
    if source.kind == "json":
        return load_envelope(source.raw if source.is_undecoded else source.value, options, rules)
    request = load_envelope({"architecture": source}, options, rules)
    return request._replace(pointer="")


def load_files(files: Mapping[str, Any], base: Any, options: Mapping[str, Any], rules: Sequence[Rule]) -> CountRequest:
    """Load files by path, in full or in part: one as itself, several as a repository. Raises Problems or NotJSON."""
    needs = [
        problem
        for path, content in files.items()
        if isinstance(content, PartialFile) and content.is_empty and (len(files) == 1 or is_relevant(path))
        for problem in content.ask_for_ends()
    ]
    if needs:
        raise Problems(needs)
    if len(files) == 1 and base is None:
        ((path, content),) = files.items()
        if isinstance(content, Bytes):
            return load_upload(content, options, rules, path.rpartition("/")[2])
    payload = {"files": files} | ({} if base is None else {"base": base})
    return load_source(Source.of(payload), {"format": "repository", **options}, rules)
