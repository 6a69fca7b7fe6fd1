"""The parameters of a report as JSON-able data and as words, and what counted them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

from paramcount.analysis.parameters import count_parameters
from paramcount.model.report import Report
from paramcount.rendering.fields import TotalFields, by_dtype, printable, total_fields


class _Scale(NamedTuple):
    """Numbers in short: below each limit, what they are divided by, and how the quotient is written."""

    limits: list[float]
    divisors: list[int]
    templates: list[str]

    def write(self, number: int) -> str:
        step = bisect_right(self.limits, number)
        return self.templates[step] % (number / self.divisors[step])


def _make_scale(base: int, units: Iterable[str], suffix: str, steps: tuple[tuple[float, int], ...]) -> _Scale:
    """Make a scale of units, each `base` times the one before; `steps` are (limit, decimals) in each of them."""
    every = [(base**power, unit, *step) for power, unit in enumerate(units, 1) for step in steps]
    return _Scale(
        [limit * divisor for divisor, _, limit, _ in every],
        [divisor for divisor, *_ in every],
        [f"%.{decimals}f{unit}{suffix}" for _, unit, _, decimals in every],
    )


_COUNTS = _make_scale(1000, "KMBTP", "", ((9.995, 2), (999.95, 1)))
_BYTES = _make_scale(1024, [" K", " M", " G", " T", " P", " E"], "iB", ((9.995, 2), (99.95, 1), (1023.5, 0)))


def parameters_as_json(report: Report, totals: TotalFields) -> dict[str, Any]:
    """Return the members of `parameters`; `totals` are the report's."""
    total, trainable, frozen, buffers, stored, active, embedding, unknown = count_parameters(report)
    size_bytes = totals["bytes"]
    return {
        "total": total,
        "text": None if total is None else short_count(total),
        "trainable": trainable,
        "frozen": frozen,
        "trainable_percent": percent(trainable, total),
        "buffers": buffers,
        "stored": stored,
        "active": active,
        "embedding": embedding,
        "bytes": size_bytes,
        "bytes_text": short_bytes(size_bytes),
        "dtype": dtype_names(report),
        "dtype_assumed": report.assumes_dtype,
        "unknown": unknown,
    }


def versions_as_json(report: Report) -> dict[str, Any]:
    """Return the members of `counted_by`: the versions of what counted, and with them the digest of what was."""
    number = paramcount_version()
    members: dict[str, Any] = {"paramcount": number, "contract": number, "framework": report.rules or None}
    return members if report.digest is None else members | {"digest": report.digest}


@lru_cache(maxsize=1)
def paramcount_version() -> str:
    """Return Paramcount's version, which is the contract's too; reading it takes longer than a count."""
    return version("paramcount")


def percent(trainable: int | None, total: int | None) -> float | None:
    """Return how many of a hundred parameters train, to four decimals as PEFT prints it; None of none."""
    return round(100 * trainable / total, 4) if total and trainable is not None else None


def dtype_names(report: Report) -> str:
    """Return the dtypes that the bytes are of, that of most elements first: "BF16", "I32, F16"."""
    weights, buffers = report.weights_by_dtype, report.buffers_by_dtype
    if len(weights) == 1 and (not buffers or report.convention == "torch" or weights.keys() == buffers.keys()):
        return next(iter(weights)) if any(weights.values()) else ""
    elements = by_dtype(report)
    return ", ".join(sorted(elements, key=lambda dtype: (-elements[dtype], dtype)))


def short_count(number: int) -> str:
    """Return a number of parameters in short: three significant digits, at least one of them a decimal."""
    return str(number) if number < 1000 else _COUNTS.write(number)


def short_bytes(number: int) -> str:
    """Return a number of bytes in short: three significant digits, powers of 1024."""
    return f"{number} B" if number < 1024 else _BYTES.write(number)


class Record(NamedTuple):
    """The line of a table that has the number of record."""

    heading: str
    number: str
    note: str


def record(report: Report) -> Record:
    """Return the number of parameters, and what stands beside it: "25.6M; 97.8 MiB as F32"."""
    parameters = count_parameters(report)
    notes = [_size_text(report)]
    if parameters.total is None:
        return Record("Parameters", "unknown", "; ".join((parameters.unknown["total"], *notes)))
    if parameters.total >= 1000:
        notes.insert(0, short_count(parameters.total))
    return Record("Parameters", f"{parameters.total:,}", "; ".join(notes))


def _size_text(report: Report) -> str:
    """Return the bytes, and the dtypes that they are of."""
    size_bytes = short_bytes(total_fields(report.root.totals, report.convention)["bytes"])
    dtypes = dtype_names(report)
    return f"{size_bytes} as {dtypes}{' (assumed)' * report.assumes_dtype}" if dtypes else size_bytes


def as_line(report: Report) -> str:
    """Render a report as one line: "LlamaForCausalLM: 8.03B parameters (8,030,261,248), all trainable, ..."."""
    parameters = count_parameters(report)
    total, trainable = parameters.total, parameters.trainable
    name = printable(report.root.name or report.root.type) or "model"
    if total is None:
        count = f"{parameters.stored or 0:,} elements that stand for an unknown number of parameters"
    else:
        count = f"{short_count(total)} parameters ({total:,})" if total >= 1000 else f"{total} parameters"
    parts = [f"{name}: {count}"]
    if not report.is_stored:  # a file does not say what trains
        parts += _trainable_words(trainable, total)
    if parameters.active is not None:
        parts.append(f"{short_count(parameters.active)} active")
    parts.append(_size_text(report))
    if not report.exact:
        parts.append("NOT EXACT")
    return ", ".join(parts) + "\n"


def _trainable_words(trainable: int | None, total: int | None) -> Iterator[str]:
    """Yield how much of a model trains: "all trainable", "2.05M trainable (7.99 %)"."""
    if not total or trainable is None:
        return
    if trainable == total:
        yield "all trainable"
    elif not trainable:
        yield "none trainable"
    else:
        yield f"{short_count(trainable)} trainable ({float(f'{100 * trainable / total:.3g}'):g} %)"
