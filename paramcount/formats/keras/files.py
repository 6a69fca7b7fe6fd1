"""Files of Keras that hold weights: whole models, whose config is counted, and weights alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from paramcount.formats.hdf5 import Group, open_root
from paramcount.formats.keras.archive import find_weights, parse_finite
from paramcount.formats.keras.weights import VARIABLES, read_weights
from paramcount.formats.named_tensors.checkpoint import flags_warning
from paramcount.model import budget
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, Incomplete, InvalidDocument
from paramcount.model.report import ReportWarning

_CONFIG, _VERSION, _LAYER_NAMES = "model_config", "keras_version", "layer_names"
_GROUPS = frozenset((VARIABLES, "layers", "model_weights"))
"""Groups at the root of a file of weights: one of Keras 3 has one of the first two, even without a weight."""


def read_hdf5(data: Any, parse: Callable[[bytes], Document]) -> Document:
    """Return the model of an HDF5 file: by its config where it has one, which `parse` reads, else its weights.

    Raises Problems, InvalidDocument, TooLarge or Incomplete.
    """
    root = open_root(data)
    config = root.attributes.get(_CONFIG)
    if not isinstance(config, str):
        return _read_weights_alone(root)
    version = root.attributes.get(_VERSION)
    is_keras_1 = not isinstance(version, str) or version.startswith("1.")  # as Keras takes a file without it, too
    return _hold_against(parse(_make_envelope(config, version)), lambda: root, by_shape=not is_keras_1)


def hold_against_archive(document: Document, data: Any) -> Document:
    """Return the config of a .keras file, with warnings about the weights that the file has. Raises Incomplete."""
    return _hold_against(document, lambda: open_root(*section) if (section := find_weights(data)) else None)


def _hold_against(document: Document, open_file: Callable[[], Group | None], *, by_shape: bool = True) -> Document:
    """Return a config, with warnings where the stored weights are not those that it has. Raises Incomplete."""
    try:
        root = open_file()
        weights = read_weights(root.members() if root else ())
    except Incomplete:
        raise
    except ArchitectureError as error:
        detail = f"the weights are not held against the config, since the file {error.detail}"
        unread = ReportWarning("weights_not_read", "", detail, exact=False)
        return document._replace(warnings=(*document.warnings, unread))
    return document._replace(
        warnings=(*document.warnings, *weights.warn_of_others()),
        warnings_from_totals=None if weights.have_optimizer else document.warnings_from_totals,
        warnings_from_rows=partial(weights.warn_of_differences, by_shape=by_shape) if weights.model else None,
    )


def _read_weights_alone(root: Group) -> Document:
    """Return a file without a config: every weight by its path. Raises InvalidDocument, TooLarge or Incomplete."""
    members = dict(root.members())
    weights = read_weights(members.items())
    is_ordered = any(name.startswith(_LAYER_NAMES) for name in root.attributes)
    if not is_ordered and not _GROUPS & members.keys() and not weights.are_in_groups_of_layers:
        detail = (
            "is an HDF5 file without what Keras writes: model_config, layer_names, or weights in groups called vars"
        )
        raise InvalidDocument(detail, code="no_model")
    if is_ordered:
        weights = weights.count_layers_once()
    flags = flags_warning([weight.as_tensor() for weight in weights.model])
    warnings = (flags, *weights.warn_of_others(), *weights.warn_of_lora())
    return Document(weights.build_layers(), "stored", "keras", warnings=warnings)


def _make_envelope(config: str, version: Any) -> bytes:
    """Return the attributes of a whole model as the JSON that holds a document of Keras."""
    raw = config.encode()
    budget.check_values(raw)
    try:
        return orjson.dumps({_CONFIG: parse_finite(raw), _VERSION: version})
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidDocument(f"has a model_config that is no JSON: {str(error)[:100]}", f"/{_CONFIG}") from None
