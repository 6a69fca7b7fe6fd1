"""Count a document: the only walk over its layers. Shapes flow in; tensors, totals and problems come out."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple, NoReturn

from paramcount.counting import graph
from paramcount.counting.evaluate import (
    MAX_COUNT,
    AlreadyReported,
    FreezeStatus,
    LayerEvaluator,
    StopCounting,
)
from paramcount.counting.folding import fold
from paramcount.counting.freezing import FROZEN, NO_RULES, Rule, Rules, Trainability
from paramcount.counting.graph import FAILED
from paramcount.counting.sharing import SharedTensors, invalid_shares
from paramcount.counting.tensor_totals import NO_TENSORS, summarize
from paramcount.model import block_ranges
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidGraph, Problems, ShapeMismatch, TooLarge
from paramcount.model.layers import Call, Layer
from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import (
    ADAPTER,
    DESIGN,
    NO_TOTALS,
    Convention,
    FreezeReason,
    Output,
    Tensor,
    TensorSummary,
    total,
)
from paramcount.schema.validator import shown

_UNKNOWN_INPUT = Call((None,))

MAX_WARNINGS = 1000
"""How many warnings a report holds, besides one that counts the others."""

_LOOK_EVERY = 64
"""How many layers are visited between two looks at the clock."""


class Options(NamedTuple):
    """How to count."""

    rules: tuple[Rule, ...] = ()
    convention: Convention | None = None  # None: the document's
    dtype: str = "F32"  # where the document states none
    remote_code: str = "refuse"  # or "base": count the class that a model's own code is said to derive from
    unknown: str = "refuse"  # or "report": leave an unknown layer out, and say that the count is not exact


_DEFAULTS, _DEFAULT_LIMITS = Options(), Limits()


class _Counts(NamedTuple):
    """What a document's layers come to; documents of one interned model share it."""

    root: Row
    row_count: int
    weights: Mapping[str, int]  # elements by dtype
    buffers: Mapping[str, int]
    warnings: tuple[ReportWarning, ...]


def count(document: Document, options: Options = _DEFAULTS, limits: Limits = _DEFAULT_LIMITS) -> Report:
    """The report on a document. Raises Problems with everything that is wrong with it."""
    known, key = None, (options.dtype, options.unknown, limits.max_depth, limits.max_layers, limits.max_tensors)
    if document.counts is not None and not options.rules:
        known = document.counts.get(key)
    if known is None:
        known = _Walk(document, options, limits).count()
        if document.counts is not None and not options.rules:
            document.counts.clear()  # the latest alone: rows take memory
            document.counts[key] = known
    late = document.warnings_from_totals(known.root.totals) if document.warnings_from_totals else ()
    return Report(
        root=known.root,
        row_count=known.row_count,
        convention=options.convention or document.convention,
        weights_by_dtype=known.weights,
        buffers_by_dtype=known.buffers,
        warnings=_limit_warnings((*document.warnings, *known.warnings, *late)),
        format=document.format,
        framework=document.framework,
        roles=document.roles,
    )


def _limit_warnings(warnings: tuple[ReportWarning, ...]) -> tuple[ReportWarning, ...]:
    """The first MAX_WARNINGS, and how many more there are."""
    more = warnings[MAX_WARNINGS:]
    if not more:
        return warnings
    exact = all(warning.exact for warning in more)
    return (*warnings[:MAX_WARNINGS], ReportWarning("more", "", f"{len(more):,} more warnings", exact))


def _locate_by_line(error: ArchitectureError) -> ArchitectureError:
    """A problem of a text, its line in the detail: "line 12: kernel_size must be at least 1"."""
    line, _, argument = error.pointer.partition("/")
    error.detail, error.pointer = f"{line}: {argument} {error.detail}".replace(":  ", ": "), ""
    return error


class _Walk:
    """The walk over one document's layers."""

    def __init__(self, document: Document, options: Options, limits: Limits) -> None:
        self.document, self.limits = document, limits
        self.deadline = limits.deadline
        self.evaluator = LayerEvaluator(document, options.unknown, self._evaluate_nested)
        self.add_problem = self.evaluator.add_problem
        self.default_dtype = options.dtype
        self.rules = Rules(options.rules, self.deadline) if options.rules else NO_RULES
        self.has_rules = bool(options.rules)
        self.weights: dict[str, int] = {}  # elements by dtype
        self.buffers: dict[str, int] = {}
        self.depth = 0  # of the layer at hand
        self.visited = 0  # layers
        self.tensor_count = 0
        self.next_look = self._after_some_layers()
        self.shared: list[SharedTensors] = []
        self.stated: dict[tuple[Tensor, ...], dict[FreezeStatus, TensorSummary]] = {}  # of tensors of no formula
        self.frozen_by_document = ADAPTER if document.adapted else FROZEN.frozen_by

    def count(self) -> _Counts:
        """What the document comes to. Raises Problems."""
        root = Row("", "", "", 1, NO_TENSORS, NO_TOTALS, (), None)
        problems = self.evaluator.problems
        try:
            if self.has_rules:
                self.rules.prepare(self.document.root, self.limits.max_copies)
            (root,) = self._rows(self.document.root, "", Trainability(), 1, Call(self.document.inputs))
            for problem in invalid_shares(self.shared, root) if self.shared else ():
                self.add_problem(problem)
        except TooLarge as error:
            problems.append(error)
        except StopCounting:
            pass
        if problems:
            problems = problems[:MAX_PROBLEMS]
            raise Problems(map(_locate_by_line, problems) if self.document.by_line else problems)
        unused = [
            ReportWarning("unused_rule", rule.match, "matches no layer and no tensor") for rule in self.rules.unused
        ]
        warnings = (*self.evaluator.warnings, *unused)
        return _Counts(root, root.row_count, self.weights, self.buffers, warnings)

    def _rows(self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call) -> list[Row]:
        """The rows of a layer at `path`: one, or several where rules tell the copies of a block apart.

        `copies` is how many of it the model holds; 0: it is not counted here, and rules do not see it.
        """
        names = []
        if layer.repeat > 1 and self.has_rules and copies:
            names = block_ranges.expand(layer.name, self.limits.max_copies)
        if not names:
            return [self._row(layer, path, inherited, copies, call)]
        if len(names) != layer.repeat:
            excess = f"rules need at most {self.limits.max_copies:,} copies of a block, not {layer.repeat:,}"
            self.add_problem(TooLarge(excess), layer.pointer)
            return []
        parent = path.removesuffix(layer.name)
        blocks = [(layer._replace(name=name, repeat=1), parent + name) for name in names]
        return fold([self._row(block, block_path, inherited, copies, call) for block, block_path in blocks])

    def _row(self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call) -> Row:
        """The row of a layer, children included."""
        self.visited += 1
        if self.visited == self.next_look:
            self._check_limits(layer)
        trainability = inherited
        if self.has_rules and copies:
            trainability = self.rules.decide(path, inherited, layer.trainable, layer.type)
        elif not layer.trainable:
            trainability = FROZEN
        children: tuple[Row, ...] = ()
        output: Output = None
        repeat, tensors = layer.repeat, layer.tensors
        if layer.children:
            self._descend(layer.children[0])
            children, output = self._children(layer, path, trainability, copies * repeat, call)
            self.depth -= 1
        if layer.children or layer.config is None:
            summaries = self.stated.setdefault(tensors, {}) if tensors else {}
        else:
            result = self.evaluator.evaluate(layer, path, call)
            tensors, output, summaries = result.tensors, result.output, result.summaries
        summary = NO_TENSORS
        if tensors:
            summary = self._summarize(tensors, summaries, layer, path, trainability, copies * repeat)
            self._add(summary, layer, copies * repeat)
        totals = total([summary.totals, *[child.totals for child in children]]) if children else summary.totals
        if repeat > 1:
            totals *= repeat
            self._check_repeat(layer, call, output)
        if totals.trainable + totals.frozen + totals.buffers > MAX_COUNT:
            self._stop(layer, f"holds more than {MAX_COUNT:,} parameters", "count_too_large")
        return Row(path, layer.name, layer.type, repeat, summary, totals, children, output)

    def _check_limits(self, layer: Layer) -> None:
        """Stop at the limit of layers, when it is reached, and of time, every few layers."""
        if self.visited > self.limits.max_layers:
            self._stop(layer, f"is more than the {self.limits.max_layers:,} layers that one request may visit")
        if monotonic() > self.deadline:
            self._stop(layer, "is where the time ran out that one request may take")
        self.next_look = self._after_some_layers()

    def _after_some_layers(self) -> int:
        """How many layers are visited when the limits are checked again."""
        return min(self.visited + _LOOK_EVERY, self.limits.max_layers + 1)

    def _descend(self, layer: Layer) -> None:
        """Go one level down, to `layer`."""
        self.depth += 1
        if self.depth >= self.limits.max_depth:
            self._stop(layer, f"is nested deeper than {self.limits.max_depth} layers")

    def _stop(self, layer: Layer, excess: str, code: str = "") -> NoReturn:
        """Stop at a layer that exceeds a limit."""
        self.evaluator.problems.append(TooLarge(excess, layer.pointer, code))
        raise StopCounting

    def _children(
        self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call
    ) -> tuple[tuple[Row, ...], Output]:
        """The rows of a layer's children, and what flows out of the last or out of the graph."""
        prefix = f"{path}." if path else ""
        if duplicates := graph.duplicates(layer):
            for problem in duplicates:
                self.add_problem(problem)
            return (), FAILED
        if layer.graph is not None:
            return self._wired_children(layer, prefix, inherited, copies, call)
        rows: list[Row] = []
        output: Output = None
        for child in layer.children:
            child_rows = self._rows(child, prefix + child.name, inherited, copies, call)
            rows += child_rows
            output = child_rows[-1].output if child_rows else FAILED
            call = _UNKNOWN_INPUT if output is None else Call((output,))
        return tuple(rows), output

    def _wired_children(
        self, layer: Layer, prefix: str, inherited: Trainability, copies: int, call: Call
    ) -> tuple[tuple[Row, ...], Output]:
        """The same of children that a graph wires."""
        rows: dict[str, list[Row]] = {}
        outputs: dict[tuple[str, str], Output] = {}  # of layers that are called several times

        def run(child: Layer, call: Call) -> Output:
            if child.name not in rows:
                rows[child.name] = self._rows(child, prefix + child.name, inherited, copies, call)
                output = rows[child.name][-1].output if rows[child.name] else FAILED
                if len(child.calls) > 1:
                    outputs[child.name, repr(call)] = output
                return output
            key = child.name, repr(call)
            if key not in outputs:
                outputs[key] = self._call_again(child, rows[child.name], call)
            rows[child.name] = [row._replace(output=outputs[key]) for row in rows[child.name]]
            return outputs[key]

        try:
            output = graph.evaluate(layer, call, run)
        except Problems as missing:
            for problem in missing.problems:
                self.add_problem(problem)
            output = FAILED
        except InvalidGraph as error:
            self.add_problem(error, layer.pointer)
            output = FAILED
        return tuple([row for child in layer.children for row in rows.get(child.name, ())]), output

    def _call_again(self, layer: Layer, first: list[Row], call: Call) -> Output:
        """What a layer returns when it is called once more, on the tensors of its first call."""
        if first[-1].output is FAILED:
            return FAILED
        again = self._row(layer, first[0].path, Trainability(), 0, call)
        sizes = [row.totals.trainable + row.totals.frozen + row.totals.buffers for row in (*first, again)]
        if again.output is not FAILED and sum(sizes[:-1]) != sizes[-1]:
            self.add_problem(ShapeMismatch("is called on inputs that need weights of different shapes"), layer.pointer)
        return again.output

    def _evaluate_nested(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """The tensors and the output of a layer inside a layer's config; the wrapper counts them."""
        self._descend(layer)
        row = self._row(layer, "", Trainability(), 0, call)
        self.depth -= 1
        if row.output is FAILED:
            raise AlreadyReported("")
        return tuple(row.named_tensors()), row.output

    def _summarize(
        self,
        tensors: tuple[Tensor, ...],
        summaries: dict[FreezeStatus, TensorSummary],
        layer: Layer,
        path: str,
        trainability: Trainability,
        copies: int,
    ) -> TensorSummary:
        """The sums of a layer's own tensors; without rules they are the same for all layers of one result."""
        dtype = layer.dtype or self.default_dtype
        if layer.shares or (self.has_rules and copies):
            reasons = self._reasons(tensors, layer, path, trainability, with_rules=self.has_rules and copies > 0)
            return summarize(tensors, reasons, dtype, layer.shares)
        status = dtype, trainability.frozen_by, self.document.adapted
        if (summary := summaries.get(status)) is None:
            reasons = self._reasons(tensors, layer, path, trainability, with_rules=False)
            summary = summaries[status] = summarize(tensors, reasons, dtype, "")
        elif summary.rendered is None:
            summary.rendered = {}
        return summary

    def _reasons(
        self, tensors: tuple[Tensor, ...], layer: Layer, path: str, trainability: Trainability, *, with_rules: bool
    ) -> list[FreezeReason | None]:
        """Why each tensor does not train; None where it does."""
        has_formula = layer.config is not None  # whose `trainable` is design, and not the document's word
        reason = self._reason(trainability)
        reasons = [
            DESIGN
            if tensor.role == "buffer" or (has_formula and not tensor.trainable)
            else reason
            if tensor.trainable
            else self.frozen_by_document
            for tensor in tensors
        ]
        if with_rules:
            prefix = f"{path}." if path else ""
            for index, tensor in enumerate(tensors):
                flag = tensor.trainable or has_formula
                decided = self.rules.decide(prefix + tensor.name, trainability, flag, owner_types=tensor.layer_types)
                if reasons[index] is not DESIGN:
                    reasons[index] = self._reason(decided)
        return reasons

    def _reason(self, trainability: Trainability) -> FreezeReason | None:
        """Why what has this trainability does not train."""
        return self.frozen_by_document if trainability is FROZEN else trainability.frozen_by

    def _add(self, summary: TensorSummary, layer: Layer, copies: int) -> None:
        """Add a layer's own tensors to the totals by dtype."""
        self.tensor_count += len(summary.tensors)
        if self.tensor_count > (most := self.limits.max_tensors):
            self._stop(layer, f"is where the {most:,} tensors that one request may hold are exceeded")
        for dtype, size in summary.weights.items():
            self.weights[dtype] = self.weights.get(dtype, 0) + size * copies
        for dtype, size in summary.buffers.items():
            self.buffers[dtype] = self.buffers.get(dtype, 0) + size * copies
        if layer.shares:
            self.shared.append(SharedTensors(layer, summary.tensors))

    def _check_repeat(self, layer: Layer, call: Call, output: Output) -> None:
        """The first copy of a block feeds the second: it must return what it takes."""
        taken = call.args[0] if call.args else None
        if taken not in (None, FAILED) and output not in (None, FAILED) and taken != output:
            detail = (
                f"is repeated, so it must return what it takes; it takes {shown(taken)} and returns {shown(output)}"
            )
            self.add_problem(ShapeMismatch(detail), layer.pointer)
