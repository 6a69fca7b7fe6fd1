"""Count a document: the only walk over its layers. Shapes flow in; tensors, totals and problems come out."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple, NoReturn

from paramcount.counting.evaluate import MAX_COUNT, Enough, Fates, Leaves, Told, tensors_of
from paramcount.counting.folding import fold
from paramcount.counting.freezing import FROZEN, NO_RULES, Rule, Rules, Trainability
from paramcount.counting.graph import FAILED, duplicates, evaluate
from paramcount.counting.sharing import Shared, unshared
from paramcount.counting.tensor_totals import NOTHING, TensorSummary, summarize
from paramcount.model import cache as memory
from paramcount.model.block_ranges import indices
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidGraph, Problems, ShapeMismatch, TooLarge
from paramcount.model.layers import Call, Layer
from paramcount.model.report import Report, ReportWarning, Row
from paramcount.model.tensors import ADAPTER, DESIGN, Convention, FreezeReason, Output, Tensor, Totals, total
from paramcount.schema.validator import MAX_PROBLEMS, shown

_UNKNOWN = Call((None,))

MAX_CACHED_ROWS = 10_000
"""How many rows are remembered, of documents that their readers tell apart."""

MAX_WARNINGS = 1000
"""How many notices a report holds, one that counts the others aside."""


class Options(NamedTuple):
    """How to count."""

    rules: tuple[Rule, ...] = ()
    convention: Convention | None = None  # None: the document's
    dtype: str = "F32"  # where the document states none
    remote_code: str = "refuse"  # or "base": count the class that a model's own code is said to derive from
    unknown: str = "refuse"  # or "report": leave an unknown layer out, and say that the count is not exact


_USUAL, _LIMITS = Options(), Limits()


class _Counted(NamedTuple):
    """What a document comes to, whatever is said of it."""

    root: Row
    weights: Mapping[str, int]  # elements by dtype
    buffers: Mapping[str, int]
    warnings: tuple[ReportWarning, ...]
    rows: int


_COUNTED: memory.Memory[_Counted] = memory.Memory(MAX_CACHED_ROWS, lambda counted: counted.rows)


def count(document: Document, options: Options = _USUAL, limits: Limits = _LIMITS) -> Report:
    """The report on a document. Raises Problems with everything that is wrong with it."""
    key = None
    if document.cache_key and not options.rules:
        key = document.cache_key, options.dtype, limits.max_depth, limits.max_layers, limits.max_tensors
    if (counted := _COUNTED.recall(key)) is None:
        counted = _Walk(document, options, limits).counted()
        _COUNTED.keep(key, counted)
    root, weights, buffers, noted, rows = counted
    latest = document.warnings_from_totals(root.totals) if document.warnings_from_totals else ()
    warnings = _bounded((*document.warnings, *noted, *latest))
    convention = options.convention or document.convention
    return Report(root, rows, convention, weights, buffers, warnings, document.framework, document.roles)


def _bounded(warnings: tuple[ReportWarning, ...]) -> tuple[ReportWarning, ...]:
    """The notices, and of very many the first and how many more there are."""
    more = warnings[MAX_WARNINGS:]
    if not more:
        return warnings
    detail = f"{len(more):,} more warnings"
    return (*warnings[:MAX_WARNINGS], ReportWarning("more", "", detail, exact=all(warning.exact for warning in more)))


def _by_line(error: ArchitectureError) -> ArchitectureError:
    """A problem of a text: "line 12: kernel_size must be at least 1"."""
    line, _, argument = error.pointer.partition("/")
    error.detail, error.pointer = f"{line}: {argument} {error.detail}".replace(":  ", ": "), ""
    return error


class _Walk(Leaves):
    def __init__(self, document: Document, options: Options, limits: Limits) -> None:
        super().__init__(document, options.unknown)
        self.options, self.limits = options, limits
        self.deadline = limits.deadline
        self.rules = Rules(options.rules, self.deadline) if options.rules else NO_RULES
        self.ruled = bool(options.rules)
        self.weights: dict[str, int] = {}  # elements by dtype
        self.buffers: dict[str, int] = {}
        self.depth = self.visited = self.tensors = 0  # what is above the layer at hand, what was seen, what it holds
        self.next_look = self._in_a_while()
        self.shared: list[Shared] = []
        self.stated: dict[tuple[Tensor, ...], Fates] = {}  # what became of tensors that no formula yields
        self.held = ADAPTER if document.adapted else FROZEN.frozen_by  # why what the document freezes does not train

    def counted(self) -> _Counted:
        """The document, counted. Raises Problems."""
        root = Row("", "", "", 1, (), Totals(), (), None)
        try:
            if self.ruled:
                self.rules.prepare(self.document.root, self.limits.max_copies)
            (root,) = self.rows(self.document.root, "", Trainability(), 1, Call(self.document.inputs))
            for problem in unshared(self.shared, root) if self.shared else ():
                self.blame(problem, "")
        except TooLarge as error:
            self.problems.append(error)
        except Enough:
            pass
        if self.problems:
            told = self.problems[:MAX_PROBLEMS]
            raise Problems(map(_by_line, told) if self.document.by_line else told)
        unused = [
            ReportWarning("unused_rule", rule.match, "matches no layer and no tensor") for rule in self.rules.unused
        ]
        return _Counted(root, self.weights, self.buffers, (*self.warnings, *unused), root.rows)

    def rows(self, layer: Layer, path: str, verdict: Trainability, times: int, given: Call) -> list[Row]:
        """The rows of a layer at `path`: one, or several where rules tell the copies of a block apart.

        `times` is how many copies of it the model holds; 0: it is not counted here, and rules do not see it.
        """
        if (
            layer.repeat == 1
            or not self.ruled
            or not times
            or not (names := indices(layer.name, self.limits.max_copies))
        ):
            return [self.row(layer, path, verdict, times, given)]
        if len(names) != layer.repeat:
            self.blame(
                TooLarge(f"rules need at most {self.limits.max_copies:,} copies of a block, not {layer.repeat:,}"),
                layer.pointer,
            )
            return []
        parent = path.removesuffix(layer.name)
        return fold(
            [self.row(layer._replace(name=name, repeat=1), parent + name, verdict, times, given) for name in names]
        )

    def row(self, layer: Layer, path: str, verdict: Trainability, times: int, given: Call) -> Row:
        """The row of a layer, children included."""
        self.visited += 1
        if self.visited == self.next_look:
            self._look(layer)
        name, kind, config, beneath, tensors, _, _, trainable, repeat = layer[:9]
        if self.ruled and times:
            verdict = self.rules.decide(path, verdict, trainable, kind)
        elif not trainable:
            verdict = FROZEN
        children: tuple[Row, ...] = ()
        copies = times * repeat
        output: Output = None
        if beneath:
            self._descend(beneath[0])
            children, output = self._beneath(layer, path, verdict, copies, given)
            self.depth -= 1
        if beneath or config is None:
            known = self.stated.setdefault(tensors, {}) if tensors else {}
        else:
            tensors, output, known = self.applied(layer, path, given)
        own = NOTHING
        if tensors:
            own = self._settled(tensors, known, layer, path, verdict, copies)
            self._add(own, layer, copies)
        totals = total([own.totals, *[child.totals for child in children]]) if children else own.totals
        if repeat > 1:
            totals *= repeat
            self._check_repeat(layer, given, output)
        if totals[0] + totals[1] + totals[2] > MAX_COUNT:
            self._refuse(layer, f"holds more than {MAX_COUNT:,} parameters", "count_too_large")
        return Row(path, name, kind, repeat, own.tensors, totals, children, output)

    def _look(self, layer: Layer) -> None:
        """Keep to the limits: of layers when they are reached, of time every 64 layers."""
        if self.visited > self.limits.max_layers:
            self._refuse(layer, f"is more than the {self.limits.max_layers:,} layers that one request may visit")
        if monotonic() > self.deadline:
            self._refuse(layer, "is where the time ran out that one request may take")
        self.next_look = self._in_a_while()

    def _descend(self, layer: Layer) -> None:
        """Go on to what is inside a layer; `layer` is the first of it."""
        self.depth += 1
        if self.depth >= self.limits.max_depth:
            self._refuse(layer, f"is nested deeper than {self.limits.max_depth} layers")

    def _in_a_while(self) -> int:
        """How many layers are visited at the next look."""
        return min(self.visited + 64, self.limits.max_layers + 1)

    def _refuse(self, layer: Layer, excess: str, code: str = "") -> NoReturn:
        """Stop at a layer that is too much."""
        self.problems.append(TooLarge(excess, layer.pointer, code))
        raise Enough

    def _beneath(
        self, layer: Layer, path: str, verdict: Trainability, times: int, given: Call
    ) -> tuple[tuple[Row, ...], Output]:
        """The rows of a layer's children, and what flows out of the last or out of the graph."""
        prefix = f"{path}." if path else ""
        if problems := duplicates(layer):
            for problem in problems:
                self.blame(problem, "")
            return (), FAILED
        if layer.graph is not None:
            return self._wired(layer, prefix, verdict, times, given)
        rows: list[Row] = []
        for child in layer.children:
            found = self.rows(child, prefix + child.name, verdict, times, given)
            rows += found
            output = found[-1].output if found else FAILED
            given = _UNKNOWN if output is None else Call((output,))
        return tuple(rows), given.args[0]

    def _wired(
        self, layer: Layer, prefix: str, verdict: Trainability, times: int, given: Call
    ) -> tuple[tuple[Row, ...], Output]:
        found: dict[str, list[Row]] = {}
        outputs: dict[tuple[str, str], Output] = {}

        def run(child: Layer, call: Call) -> Output:
            name = child.name
            if name not in found:
                rows = found[name] = self.rows(child, prefix + name, verdict, times, call)
                output = rows[-1].output if rows else FAILED
                if len(child.calls) > 1:
                    outputs[name, repr(call)] = output
                return output
            key = name, repr(call)
            if key not in outputs:
                outputs[key] = self._again(child, found[name], call)
            found[name] = [row._replace(output=outputs[key]) for row in found[name]]
            return outputs[key]

        try:
            output = evaluate(layer, given, run)
        except Problems as missing:
            for problem in missing.problems:
                self.blame(problem, "")
            output = FAILED
        except InvalidGraph as error:
            self.blame(error, layer.pointer)
            output = FAILED
        return tuple([row for child in layer.children for row in found.get(child.name, ())]), output

    def _again(self, layer: Layer, first: list[Row], call: Call) -> Output:
        """What a layer returns when it is called once more, on the tensors of its first call."""
        if first[-1].output is FAILED:
            return FAILED
        again = self.row(layer, first[0].path, Trainability(), 0, call)
        sizes = [row.totals.trainable + row.totals.frozen + row.totals.buffers for row in (*first, again)]
        if again.output is not FAILED and sum(sizes[:-1]) != sizes[-1]:
            self.blame(ShapeMismatch("is called on inputs that need weights of different shapes"), layer.pointer)
        return again.output

    def inside(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """The tensors of a layer inside a config; the wrapper counts them."""
        self._descend(layer)
        row = self.row(layer, "", Trainability(), 0, call)
        self.depth -= 1
        if row.output is FAILED:
            raise Told("")
        return tuple(tensors_of(row, (row.type,))), row.output

    def _settled(
        self, tensors: tuple[Tensor, ...], known: Fates, layer: Layer, path: str, verdict: Trainability, copies: int
    ) -> TensorSummary:
        """A layer's own tensors, each with its fate: without rules it is the same for all that are alike."""
        if layer.shares or (self.ruled and copies):
            return self._settled_anew(tensors, layer, path, verdict, copies)
        fate = layer.dtype or self.options.dtype, verdict.frozen_by, self.document.adapted
        if (found := known.get(fate)) is None:
            found = known[fate] = self._settled_anew(tensors, layer, path, verdict, copies)
        return found

    def _settled_anew(
        self, tensors: tuple[Tensor, ...], layer: Layer, path: str, verdict: Trainability, copies: int
    ) -> TensorSummary:
        computed = layer.config is not None  # by a formula, whose `trainable` is design and no word on training
        free = self._reason(verdict)
        fates = [
            DESIGN
            if tensor.role == "buffer" or (computed and not tensor.trainable)
            else free
            if tensor.trainable
            else self.held
            for tensor in tensors
        ]
        if self.ruled and copies:
            prefix = f"{path}." if path else ""
            for index, tensor in enumerate(tensors):
                name, flag = prefix + tensor.name, tensor.trainable or computed
                own = self.rules.decide(name, verdict, flag, layer_types=tensor.layer_types)
                if fates[index] is not DESIGN:
                    fates[index] = self._reason(own)
        return summarize(tensors, fates, layer.dtype or self.options.dtype, layer.shares)

    def _reason(self, verdict: Trainability) -> FreezeReason | None:
        """Why what has this verdict does not train."""
        return self.held if verdict is FROZEN else verdict.frozen_by

    def _add(self, own: TensorSummary, layer: Layer, copies: int) -> None:
        """Count a layer's own tensors."""
        self.tensors += len(own.tensors)
        if self.tensors > self.limits.max_tensors:
            self._refuse(
                layer, f"is where the {self.limits.max_tensors:,} tensors that one request may hold are exceeded"
            )
        for dtype, size in own.weights.items():
            self.weights[dtype] = self.weights.get(dtype, 0) + size * copies
        for dtype, size in own.buffers.items():
            self.buffers[dtype] = self.buffers.get(dtype, 0) + size * copies
        if layer.shares:
            self.shared.append(Shared(layer, own.tensors))

    def _check_repeat(self, layer: Layer, given: Call, output: Output) -> None:
        """The second copy of a block is fed by the first: it must return what it takes."""
        before = given.args[0] if given.args else None
        if before not in (None, FAILED) and output not in (None, FAILED) and before != output:
            detail = (
                f"is repeated, so it must return what it takes; it takes {shown(before)} and returns {shown(output)}"
            )
            self.blame(ShapeMismatch(detail), layer.pointer)
