"""Count a document: the walk over its layers that makes rows, totals and problems."""

from __future__ import annotations

from itertools import chain
from time import monotonic
from typing import NamedTuple, NoReturn

from paramcount.counting import graph
from paramcount.counting.ambiguous_paths import find_ambiguous_paths
from paramcount.counting.evaluate import AlreadyReported, FreezeStatus, LayerEvaluator
from paramcount.counting.folding import fold
from paramcount.counting.formulas import MAX_COUNT, StopCounting
from paramcount.counting.freezing import FROZEN, NO_RULES, Rule, Rules, Trainability
from paramcount.counting.graph import FAILED, WiringBudget
from paramcount.counting.parts import PARTS, Counts, PartCount, measure_depth
from paramcount.counting.sharing import COPY, SharedObjects, SharedTensors, invalid_shares
from paramcount.counting.tensor_totals import NO_TENSORS, TensorSummarizer, sum_by_dtype
from paramcount.counting.unknown_outputs import Origin, UnknownOutputs, name_origin
from paramcount.model import block_ranges
from paramcount.model.budget import MIN_TENSORS, TENSORS_PER_BYTE, Limits, PathBudget, scale_to_request
from paramcount.model.document import FRAMEWORKS, Document
from paramcount.model.errors import (
    InvalidGraph,
    Problems,
    ShapeMismatch,
    TooLarge,
    locate_by_line,
    raise_problems,
)
from paramcount.model.layers import Call, Layer
from paramcount.model.report import Report, ReportWarning, Row, limit_warnings
from paramcount.model.tensors import NO_PACKED, Convention, Output, Tensor, TensorSummary, sum_totals
from paramcount.schema.validator import format_value

_UNKNOWN_INPUT = Call((None,))
_TRAINS = Trainability()
_NOT_HELD = NO_TENSORS, 0

_LAYERS_PER_CHECK = 64
"""The number of layers between two checks of the limits, time included."""


_FEW_TENSORS = 8
"""The tensors of nearly every layer; the paths of more are counted."""

_MAX_NESTED_TENSORS = 2_000
"""The most tensors of a layer inside a wrapper's config, if there are copies among them: a wrapper takes each copy."""


class Options(NamedTuple):
    """The options of a count."""

    rules: tuple[Rule, ...] = ()
    convention: Convention | None = None  # None: the document's
    dtype: str = "F32"  # where the document states none
    remote_code: str = "refuse"  # or "base": count the base class of a model with code of its own
    unknown: str = "refuse"  # or "report": leave an unknown layer out, and warn that the count is not exact


_DEFAULTS, _DEFAULT_LIMITS = Options(), Limits()


def count(document: Document, options: Options = _DEFAULTS, limits: Limits = _DEFAULT_LIMITS) -> Report:
    """Return the report on a document. Raises Problems with everything that is wrong with it."""
    counts, key = None, (options.dtype, options.unknown, limits.max_depth, limits.max_layers, limits.max_tensors)
    if document.counts is not None and not options.rules:
        counts = document.counts.get(key)
    if counts is None:
        counts = _Walk(document, options, limits).count()
        if document.counts is not None and not options.rules:
            document.counts.clear()  # the latest alone: rows take memory
            document.counts[key] = counts
    warnings = document.warnings if options.rules else (*document.warnings, *document.warnings_without_rules)
    totals_warnings = document.warnings_from_totals(counts.root.totals) if document.warnings_from_totals else ()
    if document.warnings_from_rows:
        totals_warnings += document.warnings_from_rows(counts.root)
    return Report(
        root=counts.root,
        row_count=counts.row_count,
        convention=options.convention or document.convention,
        weights_by_dtype=counts.sums.weights,
        buffers_by_dtype=counts.sums.buffers,
        warnings=limit_warnings((*warnings, *counts.warnings, *totals_warnings)),
        format=document.format,
        framework=document.framework,
        roles=document.roles,
        packed=counts.sums.packed or NO_PACKED,
        count_as_hub=document.count_as_hub,
        is_stored=document.convention == "stored",
        assumes_dtype=counts.assumes_dtype or document.assumes_dtype,
        rules=FRAMEWORKS.get(document.framework, "") if document.rules is None else document.rules,
    )


class _Walk:
    """The walk over one document's layers."""

    def __init__(self, document: Document, options: Options, limits: Limits, *, in_part: bool = False) -> None:
        """`in_part`: all that it walks over is one part that models share."""
        self.document, self.options, self.limits = document, options, limits
        self.shares_parts = not options.rules and not in_part
        self.part_settings = (options.dtype, options.unknown, document.adapted, document.framework)
        self.deadline = limits.deadline
        self.evaluator = LayerEvaluator(document, options.unknown, self.deadline, self)
        self.add_problem = self.evaluator.add_problem
        self.rules = Rules(options.rules, self.deadline) if options.rules else NO_RULES
        self.has_rules = bool(options.rules)
        self.copies: dict[int, tuple[TensorSummary, int]] = {}  # of a layer's tensors, by the id of their summary
        self.depth = 0  # of the layer at hand
        self.visited = 0  # layers
        self.tensor_count = 0
        self.max_tensors = scale_to_request(limits.max_tensors, MIN_TENSORS, TENSORS_PER_BYTE)
        self.next_check = self._find_next_check()
        self.shared: list[SharedTensors] = []
        self.unknown_outputs = UnknownOutputs()
        self.path = ""  # of the layer whose formula runs
        self.stated: dict[tuple[Tensor, ...], dict[FreezeStatus, TensorSummary]] = {}  # of tensors of no formula
        self.paths = PathBudget()
        self.objects = SharedObjects(self.paths)
        self.wiring = WiringBudget()
        self.has_dots = False  # in the name of a layer
        self.summarizer = TensorSummarizer(self.rules, options.dtype, adapted=document.adapted)

    def count(self) -> Counts:
        """Return the counts of the document. Raises Problems."""
        rows: list[Row] = []
        problems = self.evaluator.problems
        try:
            if self.has_rules:
                self.rules.prepare(self.document.root, self.limits.max_copies)
            rows = self._rows(self.document.root, "", _TRAINS, 1, Call(self.document.inputs))
            for problem in invalid_shares(self.shared, rows[0]) if self.shared else ():
                self.add_problem(problem)
            if self.has_dots and rows:
                for ambiguity in find_ambiguous_paths(self.document.root, rows[0], self.paths):
                    self.add_problem(ambiguity)
        except TooLarge as error:
            problems.append(error)
        except StopCounting:
            pass
        if problems:
            raise_problems(map(locate_by_line, problems) if self.document.by_line else problems)
        (root,) = rows
        unused = [
            ReportWarning("unused_rule", rule.match, "matches no layer and no tensor") for rule in self.rules.unused
        ]
        return Counts(
            root=root,
            row_count=root.row_count,
            sums=sum_by_dtype(self.copies.values()),
            assumes_dtype=self.summarizer.assumes_dtype,
            warnings=(*self.evaluator.warnings, *unused),
        )

    def _rows(self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call) -> list[Row]:
        """Return the rows of a layer at `path`: several where rules differ for the copies of a block, else one.

        The model holds `copies` of the layer; 0: it is counted elsewhere, and no rule applies to it.
        """
        if layer.cache_key and self.shares_parts and (row := self._part(layer, path, inherited, copies, call)):
            return [row]
        if not self.has_rules or layer.repeat == 1 or not copies:
            return [self._row(layer, path, inherited, copies, call)]
        names = block_ranges.expand(layer.name, self.limits.max_copies)
        if not names:
            return [self._row(layer, path, inherited, copies, call)]
        if len(names) != layer.repeat:
            excess = f"rules need at most {self.limits.max_copies:,} copies of a block, not {layer.repeat:,}"
            self.add_problem(TooLarge(excess), layer.pointer)
            return []
        parent = path.removesuffix(layer.name)
        groups = self.rules.group_copies(parent, names)
        self.paths.charge(parent, len(groups))
        rows = []
        for name, *others in groups:
            block = layer._replace(name=name, repeat=1)
            rows.append(self._row(block, parent + name, inherited, copies * (1 + len(others)), call))
        return fold(rows, groups)

    def _row(self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call) -> Row:
        """Return the row of a layer, children included."""
        self.visited += 1
        if self.visited >= self.next_check:
            self._check_limits(layer)
        if layer.object_id or layer.shares:
            layer = self.objects.resolve(layer, path)
        trainability = inherited
        if self.has_rules and copies:
            trainability = self.rules.decide(path, inherited, layer.trainable, layer.type)
        elif not layer.trainable:
            trainability = FROZEN
        children: tuple[Row, ...] = ()
        output: Output = None
        repeat, tensors = layer.repeat, layer.tensors
        if layer.config is not None and not layer.children:
            self.path = path
            result = self.evaluator.evaluate(layer, path, call)
            tensors, output, summaries = result.tensors, result.output, result.summaries
        else:
            if layer.children:
                self._descend(layer.children[0])
                children, output = self._children(layer, path, trainability, copies * repeat, call)
                self.depth -= 1
            summaries = self.stated.setdefault(tensors, {}) if tensors else {}
        summary = NO_TENSORS
        if tensors:
            self._charge_paths(tensors, layer, path)
            summary = self.summarizer.summarize(
                tensors, summaries, layer, path, trainability, with_rules=self.has_rules and copies > 0
            )
            self._add(summary, len(tensors), layer, copies * repeat)
        totals = sum_totals([summary.totals, *[child.totals for child in children]]) if children else summary.totals
        if repeat > 1:
            totals *= repeat
            self._check_repeat(layer, call, output)
        if totals.trainable + totals.frozen + totals.buffers > MAX_COUNT:
            self._stop(layer, f"holds more than {MAX_COUNT:,} parameters", "count_too_large")
        return Row(path, layer.name, layer.type, repeat, summary, totals, children, output)

    def _part(self, layer: Layer, path: str, inherited: Trainability, copies: int, call: Call) -> Row | None:
        """Return the row of a part that models share, cached; None for a layer that is counted here."""
        if layer.config is not None or not copies or inherited is not _TRAINS:
            return None
        key = (layer.cache_key, path, *self.part_settings)
        part = PARTS.get(key)
        if part is None:
            part = self._count_part(layer, path, call)
            PARTS.put(key, part)
        if self.depth + part.depth >= self.limits.max_depth:
            return None
        self.visited += part.row_count
        if self.visited >= self.next_check:
            self._check_limits(layer)
        self.paths.charge("/", part.path_chars)
        self.has_dots = self.has_dots or part.has_dots
        self.summarizer.assumes_dtype |= part.assumes_dtype
        self._add(part.sums, part.tensor_count, layer, copies)
        return part.row

    def _count_part(self, layer: Layer, path: str, call: Call) -> PartCount:
        """Count a part by itself."""
        walk = _Walk(self.document, self.options, self.limits, in_part=True)
        try:
            row = walk._row(layer, path, _TRAINS, 1, call)
        except StopCounting:
            self.evaluator.problems += walk.evaluator.problems
            raise
        sums, depth = sum_by_dtype(walk.copies.values()), measure_depth(layer)
        facts = walk.visited, depth, walk.tensor_count, walk.paths.charged, walk.has_dots
        return PartCount(row, sums, *facts, walk.summarizer.assumes_dtype)

    def _charge_paths(self, tensors: tuple[Tensor, ...], layer: Layer, path: str) -> None:
        """Charge the paths of a layer's tensors, where they are many, or are tied to those at another path."""
        if layer.shares or len(tensors) > _FEW_TENSORS:
            self.paths.charge(layer.shares or path, len(tensors))

    def _check_limits(self, layer: Layer) -> None:
        """Stop above the limit of layers, or after the deadline."""
        if self.visited > self.limits.max_layers:
            self._stop(layer, f"is more than the {self.limits.max_layers:,} layers that one request may visit")
        if monotonic() > self.deadline:
            self._stop(layer, "is where the time ran out that one request may take")
        self.next_check = self._find_next_check()

    def _find_next_check(self) -> int:
        """Return the number of visited layers at which the limits are checked next."""
        return min(self.visited + _LAYERS_PER_CHECK, self.limits.max_layers + 1)

    def _descend(self, layer: Layer) -> None:
        """Enter the level below, at `layer`; stop below max_depth."""
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
        """Return the rows of a layer's children, and the output of the last child or of the graph."""
        prefix = f"{path}." if path else ""
        names = [child.name for child in layer.children]
        if len(set(names)) < len(names):
            for problem in graph.find_duplicates(layer):
                self.add_problem(problem)
            return (), FAILED
        self.paths.charge(prefix, len(names))
        self.has_dots = self.has_dots or "." in "".join(names)
        if layer.graph is not None:
            return self._wired_children(layer, prefix, inherited, copies, call)
        rows: list[Row] = []
        output: Output = None
        problems = self.evaluator.problems
        for child in layer.children:
            problem_count = len(problems)
            child_rows = self._rows(child, prefix + child.name, inherited, copies, call)
            if rows and output is None and len(problems) > problem_count:
                name_origin(problems[problem_count:], Origin(rows[-1].path, rows[-1].type))
            rows += child_rows
            output = child_rows[-1].output if child_rows else FAILED
            call = _UNKNOWN_INPUT if output is None else Call((output,))
        return tuple(rows), output

    def _wired_children(
        self, layer: Layer, prefix: str, inherited: Trainability, copies: int, call: Call
    ) -> tuple[tuple[Row, ...], Output]:
        """Return the rows of the children of a layer with a graph, and the output of the graph."""
        rows: dict[str, list[Row]] = {}
        outputs: dict[tuple[str, str], Output] = {}  # of layers that are called several times
        unknown, problems = self.unknown_outputs, self.evaluator.problems

        def run(child: Layer, call: Call) -> Output:
            origin, name = None, child.name
            if unknown.origins and (origin := unknown.find(child, prefix)) and self.evaluator.is_weightless(child):
                child = child._replace(config=None)
            if name not in rows:
                path, problem_count = prefix + name, len(problems)
                if origin:
                    unknown.enter(child, path, origin)
                child_rows = rows[name] = self._rows(child, path, inherited, copies, call)
                output = child_rows[-1].output if child_rows else FAILED
                if type(output) is not tuple:
                    unknown.leave(child, path, output, origin, problems[problem_count:])
                if len(child.calls) > 1:
                    outputs[name, repr(call)] = output
                return output
            key = name, repr(call)
            if key not in outputs:
                outputs[key] = self._call_again(child, rows[name], call)
            rows[name] = [row._replace(output=outputs[key]) for row in rows[name]]
            return outputs[key]

        try:
            output = graph.evaluate(layer, call, run, self.wiring)
        except (Problems, InvalidGraph) as error:
            self._add_graph_problems(error, layer)
            output = FAILED
        return tuple(chain.from_iterable([rows.get(child.name, ()) for child in layer.children])), output

    def _add_graph_problems(self, error: Problems | InvalidGraph, layer: Layer) -> None:
        """Add the problems of the graph of a layer."""
        if isinstance(error, InvalidGraph):
            self.add_problem(error, layer.pointer)
            return
        for problem in error.problems:
            self.add_problem(problem)

    def _call_again(self, layer: Layer, first: list[Row], call: Call) -> Output:
        """Return the output of a further call of a layer, whose tensors `first`, the rows of its first call, count."""
        if first[-1].output is FAILED:
            return FAILED
        again = self._row(layer, first[0].path, Trainability(), 0, call)
        sizes = [row.totals.trainable + row.totals.frozen + row.totals.buffers for row in (*first, again)]
        if again.output is not FAILED and sum(sizes[:-1]) != sizes[-1]:
            self.add_problem(ShapeMismatch("is called on inputs that need weights of different shapes"), layer.pointer)
        return again.output

    def evaluate_nested(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """Return the tensors and the output of a layer inside a wrapper's config; the wrapper's row counts them."""
        self._descend(layer)
        outer_path, outer_objects = self.path, self.objects
        if layer.object_id == COPY:
            self.objects = SharedObjects(self.paths)
        path = f"{outer_path}.{layer.name}" if outer_path else layer.name
        row = self._row(layer, path, Trainability(), 0, call)
        self.path, self.objects = outer_path, outer_objects
        self.depth -= 1
        if row.output is FAILED:
            raise AlreadyReported("")
        sizes = [(len(part.tensors), copies) for part, copies in row.walk()]
        if sum(size * copies for size, copies in sizes) > max(_MAX_NESTED_TENSORS, sum(size for size, _ in sizes)):
            excess = f"holds copies of a layer inside it, with more than {_MAX_NESTED_TENSORS:,} tensors"
            raise TooLarge(excess)
        return tuple(row.named_tensors()), row.output

    def _add(self, summary: TensorSummary, tensor_count: int, layer: Layer, copies: int) -> None:
        """Add copies of summed up tensors, and check the number of all tensors."""
        self.tensor_count += tensor_count
        if self.tensor_count > self.max_tensors:
            which = "one request" if self.max_tensors == self.limits.max_tensors else "a request of this length"
            self._stop(layer, f"is where the {self.max_tensors:,} tensors that {which} may hold are exceeded")
        _, before = self.copies.get(id(summary), _NOT_HELD)
        self.copies[id(summary)] = summary, before + copies
        if layer.shares:
            self.shared.append(SharedTensors(layer, summary.tensors))

    def _check_repeat(self, layer: Layer, call: Call, output: Output) -> None:
        """Add a problem unless a repeated block returns the shape that it takes: each copy feeds the next."""
        taken = call.args[0] if call.args else None
        if taken not in (None, FAILED) and output not in (None, FAILED) and taken != output:
            shapes = f"it takes {format_value(taken)} and returns {format_value(output)}"
            detail = f"is repeated, so it must return what it takes; {shapes}"
            self.add_problem(ShapeMismatch(detail), layer.pointer)
