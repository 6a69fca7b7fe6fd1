"""The steps of a request: read its document, adapt it, count it, compare two, render the report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson

from paramcount.adapters import AdapterProblems, adapt
from paramcount.analysis.compare import Comparison, compare
from paramcount.analysis.conventions import count_by_view
from paramcount.analysis.training_memory import count_training_memory
from paramcount.counting.count import Options, count
from paramcount.formats.detect import detect, read
from paramcount.formats.digests import digest
from paramcount.formats.source import NotJSON, Source
from paramcount.model.budget import MAX_PATH_CHARS, TENSORS_PER_BYTE, Limits, scale_to_request
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, prefix_pointers
from paramcount.model.report import Report
from paramcount.rendering import HTML, JSON, LINE, MARKDOWN, RENDERERS, TEXT, conventions, tensors, training_memory
from paramcount.rendering.fields import FrozenElements
from paramcount.rendering.json import as_json
from paramcount.rendering.page import as_page
from paramcount.rendering.text import WIDTH
from paramcount.requests.envelope import CountRequest, check_rules
from paramcount.schema.registry import Format

_MIN_LISTED_TENSORS = 2_000
"""The tensors that an answer lists, beside those for each byte of the request."""

Step = Callable[[str], AbstractContextManager[Any]]
"""Returns the context of a step, such as a span of a trace, by the step's name."""


def count_document(
    source: Source, document_format: Format, request: CountRequest, limits: Limits, step: Step = nullcontext
) -> Report:
    """Count a document of a known format.

    Raises Problems, as pointers into the document; those of the adapter, as AdapterProblems; or NotJSON.
    """
    options = request.options
    with step("read"):
        document = read(source, document_format, options.remote_code)
    if request.adapter is not None or document.adapter is not None:
        with step("adapt"):
            document = _adapt(document, request, limits)
    with step("count"):
        report = count(document, options, limits)
    return report._replace(digest=digest(source)) if request.digest else report


def _adapt(document: Document, request: CountRequest, limits: Limits) -> Document:
    """Return a document with the adapter of the request, or that of its repository. Raises Problems."""
    options, config = request.options, request.adapter or document.adapter
    assert config is not None
    if request.adapter is not None and document.adapter is not None:
        detail = "is stated, and the repository has an adapter_config.json too: give one of them"
        raise AdapterProblems([InvalidDocument(detail, code="contradiction")])
    base = count(document, Options(dtype=options.dtype, unknown=options.unknown), limits)
    try:
        return adapt(document, base, config, limits)
    except AdapterProblems as problems:
        if document.adapter is None:
            raise
        raise Problems(prefix_pointers("/files/adapter_config.json", problems).problems) from None


def count_request(request: CountRequest, limits: Limits, step: Step = nullcontext) -> Report:
    """Count a request's document.

    Raises Problems: of the document at the request's `pointer`, of other members at their names; or NotJSON.
    """
    assert request.source is not None
    try:
        document_format = detect(request.source, request.format)
    except ArchitectureError as error:
        error.pointer = request.pointer if request.format is None else "/format"
        raise Problems([error]) from None
    except Problems as problems:
        raise prefix_pointers(request.pointer, problems) from None
    check_rules(request.options.rules, limits.max_rules)
    try:
        return count_document(request.source, document_format, request, limits, step)
    except AdapterProblems as problems:
        raise prefix_pointers("/adapter", problems) from None
    except Problems as problems:
        raise prefix_pointers(request.pointer, problems) from None


def count_local(
    open_source: Callable[[], Source], format_name: str | None, request: CountRequest, limits: Limits
) -> Report:
    """Count the document that `open_source` opens, as `request` says; `format_name` None: recognise it.

    Raises Problems, also for bytes that are not JSON; and what `open_source` raises beside them, such as OSError.
    """
    try:
        return count_request(request._replace(source=open_source(), format=format_name), limits)
    except NotJSON as error:
        raise Problems([InvalidDocument(f"is not JSON: {error}", code="not_json")]) from None


def compare_envelopes(
    before: CountRequest, after: CountRequest, count_side: Callable[[CountRequest], Report]
) -> Comparison:
    """Compare two envelopes. Raises Problems of both sides, as pointers into the comparison, or NotJSON."""
    reports: list[Report] = []
    problems: list[ArchitectureError] = []
    for side, request in (("before", before), ("after", after)):
        try:
            reports.append(count_side(request))
        except Problems as refused:
            problems += prefix_pointers(f"/{side}", refused).problems
    if problems:
        raise Problems(problems)
    return compare(*reports)


def to_json(report: Report, request: CountRequest, limits: Limits) -> dict[str, Any]:
    """Return a report as JSON-able data, with the views and the training memory of the request. Raises Problems."""
    check_rows(report, request, limits)
    answer = as_json(report, request.detail, request.depth)
    if request.views:
        answer["views"] = conventions.as_json(count_by_view(report))
    if request.optimizer is not None:
        memory = count_training_memory(report, request.optimizer, request.precision)
        answer["training"] = training_memory.as_json(memory)
    return answer


def render(report: Report, request: CountRequest, limits: Limits, media: str, columns: int = WIDTH) -> bytes:
    """Render a report as one of MEDIA_TYPES; a table of text in so many columns. Raises Problems."""
    if media == JSON:
        return orjson.dumps(to_json(report, request, limits))
    if media == HTML:
        return as_page(report, to_json(report, request, limits)).encode()
    if media != LINE:
        check_rows(report, request, limits)
    parts = [RENDERERS[media](report, request.detail, request.depth, columns)]
    if request.detail == "tensors" and media in (TEXT, MARKDOWN):
        parts.append(tensors.as_text(report, columns) if media == TEXT else tensors.as_markdown(report))
    if request.views and media in (TEXT, MARKDOWN):
        views = count_by_view(report)
        parts.append(conventions.as_text(views, columns) if media == TEXT else conventions.as_markdown(views))
    if request.optimizer is not None and media == TEXT:
        parts.append(training_memory.as_text(count_training_memory(report, request.optimizer, request.precision)))
    return "\n".join(parts).encode()


def check_rows(report: Report, request: CountRequest, limits: Limits) -> None:
    """Refuse more rows or tensors than one answer holds. Raises Problems."""
    if request.detail != "totals" and report.row_count > limits.max_rows:
        detail = f"has {report.row_count:,} rows, more than {limits.max_rows:,}: ask with detail=totals"
        raise Problems([TooLarge(detail)])
    if request.detail != "totals" and request.options.rules:
        _check_rule_texts(report, request)
    if request.detail == "tensors":
        max_tensors = scale_to_request(limits.max_tensors, _MIN_LISTED_TENSORS, TENSORS_PER_BYTE)
        count = sum(len(row.tensors) for row, _ in report.root.walk())
        if count > max_tensors:
            detail = f"has {count:,} tensors, more than the {max_tensors:,} that the answer to a request of this length"
            raise Problems([TooLarge(f"{detail} lists: ask with detail=layers")])


def _check_rule_texts(report: Report, request: CountRequest) -> None:
    """Refuse rules whose texts, in the row of each layer that they freeze, are too much. Raises Problems."""
    longest = sum(len(rule.match) for rule in request.options.rules)
    if longest * report.row_count > MAX_PATH_CHARS < FrozenElements(report).match_characters:
        detail = f"has rows that hold more than {MAX_PATH_CHARS:,} characters of rules together: ask with detail=totals"
        raise Problems([TooLarge(detail)])
