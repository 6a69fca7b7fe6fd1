"""The number of record: the parameters of a model, packed weights as the values that they stand for."""

from __future__ import annotations

from typing import NamedTuple

from paramcount.model.report import Report

_NO_TOKENS = "the document does not show which weights embed tokens"
_NO_MIXTURE = "no mixture of experts"
_NO_ROLES = "the document does not show which weights are experts"
_NO_FILE = "the document is of no file"
_UNKNOWN_SIZE = "packed weights hold a number of values that nothing proves"


class Parameters(NamedTuple):
    """The parameters of a model; None where a number is not known, and `unknown` says why."""

    total: int | None  # in the report's convention
    trainable: int | None
    frozen: int | None
    buffers: int  # those of packed weights left out
    stored: int | None  # elements of the files
    active: int | None  # that one token uses, without buffers
    embedding: int | None  # of tokens, at the input
    unknown: dict[str, str]


def count_parameters(report: Report) -> Parameters:
    """Count the parameters of a report."""
    totals, packed, roles = report.root.totals, report.packed, report.roles
    unknown = {}
    buffers = totals.buffers - packed.buffers
    total = trainable = frozen = stored = active = embedding = None
    if packed.unknown:
        weights = None
        unknown["total"] = _UNKNOWN_SIZE
    else:
        weights = totals.trainable + totals.frozen + packed.trainable + packed.frozen + packed.buffer_values
        total = weights if report.convention == "torch" else weights + buffers
        trainable = totals.trainable + packed.trainable
        frozen = total - trainable
    if report.is_stored:
        stored = totals.trainable + totals.frozen + totals.buffers
    else:
        unknown["stored"] = _NO_FILE
    if roles is None:
        unknown["active"], unknown["embedding"] = _NO_ROLES, _NO_TOKENS
    else:
        embedding = roles.embedding or None  # 0: no name of an embedding is known
        if embedding is None:
            unknown["embedding"] = _NO_TOKENS
        if roles.inactive_experts is None or weights is None:
            unknown["active"] = roles.unknown or (_UNKNOWN_SIZE if weights is None else _NO_MIXTURE)
        else:
            active = weights - roles.inactive_experts
    return Parameters(total, trainable, frozen, buffers, stored, active, embedding, unknown)


def count_weights(report: Report) -> int | None:
    """Return the values of all weights, buffers left out; None where a packed weight holds an unknown number."""
    totals, packed = report.root.totals, report.packed
    if packed.unknown:
        return None
    return totals.trainable + totals.frozen + packed.trainable + packed.frozen + packed.buffer_values
