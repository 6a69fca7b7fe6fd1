"""The catalogue of models that can be counted of a name or a config, of all libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from paramcount.formats.architectures.keras_applications import LIBRARY as KERAS
from paramcount.formats.architectures.tables import load_index
from paramcount.formats.diffusers.components import BUILDERS, COMBINED_REASONS
from paramcount.formats.diffusers.components import LIBRARY as DIFFUSERS
from paramcount.formats.huggingface.blueprints import TRANSFORMERS
from paramcount.formats.huggingface.blueprints import load_index as load_classes
from paramcount.formats.named import iterate_names
from paramcount.formats.open_clip import VERSION as OPEN_CLIP_VERSION
from paramcount.formats.sentence_transformers import VERSION as SENTENCE_TRANSFORMERS_VERSION
from paramcount.formats.sentence_transformers.modules import MODULES


class Entry(NamedTuple):
    """A model or a class of a library."""

    library: str
    name: str
    refused: str = ""  # the reason why it cannot be counted
    model_types: tuple[str, ...] = ()
    verified: str = "any"  # config; or "pinned", "defaults"


def list_versions() -> dict[str, str]:
    """The release of each library that its models were verified against."""
    return {
        TRANSFORMERS: load_classes().version,
        DIFFUSERS: load_classes(DIFFUSERS).version,
        KERAS: load_index(KERAS).version,
        "open_clip": OPEN_CLIP_VERSION,
        "sentence_transformers": SENTENCE_TRANSFORMERS_VERSION,
        "timm": load_index("timm").version,
        "torchvision": load_index("torchvision").version,
    }


def search(words: str = "", library: str = "") -> dict[str, Any]:
    """The models whose names hold all words, of one library or of all.

    Without words and a library: those of transformers, whose list this was first.
    """
    wanted = library or ("" if words else TRANSFORMERS)
    parts = words.lower().split()
    matches = [
        entry for entry in iterate_entries()
        if wanted in ("", entry.library) and all(part in entry.name.lower() for part in parts)
    ]  # fmt: skip
    models = [entry for entry in matches if not entry.refused]
    refused = [entry for entry in matches if entry.refused]
    return {
        "transformers": load_classes().version,
        "libraries": [{"name": name, "version": version} for name, version in list_versions().items()],
        "models": [
            {
                "name": entry.name,
                "model_types": list(entry.model_types),
                "library": entry.library,
                "verified": entry.verified,
            }
            for entry in models
        ],
        "refused": [{"name": entry.name, "reason": entry.refused, "library": entry.library} for entry in refused],
    }


def iterate_entries() -> Iterator[Entry]:
    """Yield every model and class of all libraries."""
    for library in (TRANSFORMERS, DIFFUSERS):
        index = load_classes(library)
        if library == DIFFUSERS:
            yield from (Entry(library, name) for name in BUILDERS)
        for name, types in index.classes.items():
            if library == TRANSFORMERS or name not in BUILDERS:
                kinds = tuple(types) if library == TRANSFORMERS else ()
                yield Entry(library, name, "", kinds, index.limits.get(name, "any"))
        for name, reason in index.refused.items():
            if library == TRANSFORMERS or name not in BUILDERS:
                yield Entry(library, name, COMBINED_REASONS.get(name, reason))
    for library, name, reason in iterate_names():
        yield Entry(library, name, reason)
    for name in ("Transformer", "Router", "StaticEmbedding", *MODULES):
        yield Entry("sentence_transformers", name)
