"""Count a document: the only walk over its layers. Shapes flow in; tensors, totals and problems come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from service import memory
from service.applying import KNOWN, LARGEST_COUNT, Applied, Fates, applied, fed_by_failure, tensors_of
from service.errors import (
    ArchitectureError,
    InvalidConfig,
    InvalidGraph,
    Problems,
    ShapeMismatch,
    TooLarge,
    UnknownLayer,
)
from service.graph import FAILED, duplicates, evaluate
from service.model import (
    ADAPTER,
    DESIGN,
    Call,
    Convention,
    Document,
    Inner,
    Layer,
    Notice,
    Output,
    Reason,
    Report,
    Row,
    Tensor,
    total,
)
from service.registry import LayerType, resolve
from service.repeats import fold, indices
from service.settling import NOTHING, Settled, settle
from service.sharing import Shared, unshared
from service.trainability import FROZEN, Rule, Rules, Verdict
from service.validation import MOST_PROBLEMS, shown

_UNKNOWN = Call((None,))

MOST_NOTICES = 1000
"""How many notices a report holds, one that counts the others aside."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one document may ask for."""

    depth: int = 100  # layers inside layers
    layers: int = 250_000  # visited, a shared one once a call
    tensors: int = 1_000_000
    copies: int = 10_000  # of one block, when rules may tell them apart
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to count."""

    rules: tuple[Rule, ...] = ()
    convention: Convention | None = None  # None: the document's
    dtype: str = "F32"  # where the document states none
    remote_code: str = "refuse"  # or "base": count the class that a model's own code is said to derive from
    unknown: str = "refuse"  # or "report": leave an unknown layer out, and say that the count is not exact


def count(document: Document, options: Options = Options(), limits: Limits = Limits()) -> Report:
    """The report on a document. Raises Problems with everything that is wrong with it."""
    walk = _Walk(document, options, limits)
    try:
        if walk.ruled:
            walk.rules.prepare(document.root, limits.copies)
        (root,) = walk.rows(document.root, "", Verdict(), 1, Call(document.inputs))
        for problem in unshared(walk.shared, root):
            walk.blame(problem, "")
    except TooLarge as error:
        walk.problems.append(error)
    except _Enough:
        pass
    if walk.problems:
        told = walk.problems[:MOST_PROBLEMS]
        raise Problems(map(_by_line, told) if document.by_line else told)
    unused = (Notice("unused_rule", rule.match, "matches no layer and no tensor") for rule in walk.rules.unused)
    latest = document.once_counted(root.totals) if document.once_counted else ()
    notices = _bounded((*document.notices, *walk.notices, *latest, *unused))
    convention = options.convention or document.convention
    return Report(root, convention, walk.weights, walk.buffers, notices, document.framework, document.share)


def _bounded(notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
    """The notices, and of very many the first and how many more there are."""
    more = notices[MOST_NOTICES:]
    if not more:
        return notices
    detail = f"{len(more):,} more warnings"
    return (*notices[:MOST_NOTICES], Notice("more", "", detail, seen=all(notice.seen for notice in more)))


def _by_line(error: ArchitectureError) -> ArchitectureError:
    """A problem of a text: "line 12: kernel_size must be at least 1"."""
    line, _, argument = error.pointer.partition("/")
    error.detail, error.pointer = f"{line}: {argument} {error.detail}".replace(":  ", ": "), ""
    return error


class _Walk:
    def __init__(self, document: Document, options: Options, limits: Limits) -> None:
        self.document, self.options, self.limits = document, options, limits
        self.deadline = monotonic() + limits.seconds
        self.rules = Rules(options.rules, self.deadline)
        self.ruled = bool(options.rules)
        self.problems: list[ArchitectureError] = []
        self.notices: list[Notice] = []
        self.weights: Counter[str] = Counter()
        self.buffers: Counter[str] = Counter()
        self.depth = self.visited = self.tensors = 0
        self.shared: list[Shared] = []
        self.stated: dict[tuple[Tensor, ...], Fates] = {}  # what became of tensors that no formula yields

    def blame(self, error: ArchitectureError, pointer: str) -> None:
        """Note a problem at `pointer`, and go on with the others."""
        error.pointer = pointer + error.pointer
        self.problems.append(error)
        if len(self.problems) >= MOST_PROBLEMS:
            raise _Enough

    def rows(self, layer: Layer, path: str, verdict: Verdict, times: int, given: Call) -> list[Row]:
        """The rows of a layer at `path`: one, or several where rules tell the copies of a block apart.

        `times` is how many copies of it the model holds; 0: it is not counted here, and rules do not see it.
        """
        if layer.repeat == 1 or not self.ruled or not times or not (names := indices(layer.name, self.limits.copies)):
            return [self.row(layer, path, verdict, times, given)]
        if len(names) != layer.repeat:
            self.blame(
                TooLarge(f"rules need at most {self.limits.copies:,} copies of a block, not {layer.repeat:,}"),
                layer.pointer,
            )
            return []
        parent = path.removesuffix(layer.name)
        return fold(
            [self.row(layer._replace(name=name, repeat=1), parent + name, verdict, times, given) for name in names]
        )

    def row(self, layer: Layer, path: str, verdict: Verdict, times: int, given: Call) -> Row:
        """The row of a layer, children included."""
        self._enter(layer)
        name, kind, config, beneath, tensors, _, _, trainable, repeat, *_ = layer
        if self.ruled and times:
            verdict = self.rules.settle(path, verdict, trainable, kind)
        elif not trainable:
            verdict = FROZEN
        children: tuple[Row, ...] = ()
        copies = times * repeat
        output: Output = None
        if beneath:
            children, output = self._beneath(layer, path, verdict, copies, given)
        if beneath or config is None:
            known = self.stated.setdefault(tensors, {}) if tensors else {}
        else:
            tensors, output, known = self._leaf(layer, path, given)
        own = NOTHING
        if tensors:
            own = self._settled(tensors, known, layer, path, verdict, copies)
            self._add(own, layer, copies)
        totals = total([own.totals, *[child.totals for child in children]]) if children else own.totals
        if repeat > 1:
            totals *= repeat
            self._check_repeat(layer, given, output)
        if totals.trainable + totals.frozen + totals.buffers > LARGEST_COUNT:
            self.problems.append(
                TooLarge(f"holds more than {LARGEST_COUNT:,} parameters", layer.pointer, "count_too_large")
            )
            raise _Enough
        self.depth -= 1
        return Row(path, name, kind, repeat, own.tensors, totals, children, output)

    def _enter(self, layer: Layer) -> None:
        """Keep to the limits."""
        self.depth += 1
        self.visited += 1
        excess = ""
        if self.depth > self.limits.depth:
            excess = f"is nested deeper than {self.limits.depth} layers"
        elif self.visited > self.limits.layers:
            excess = f"is more than the {self.limits.layers:,} layers that one request may visit"
        elif self.tensors > self.limits.tensors:
            excess = f"is where the {self.limits.tensors:,} tensors that one request may hold are exceeded"
        elif self.visited % 64 == 0 and monotonic() > self.deadline:
            excess = "is where the time ran out that one request may take"
        if excess:
            self.problems.append(TooLarge(excess, layer.pointer))
            raise _Enough

    def _beneath(
        self, layer: Layer, path: str, verdict: Verdict, times: int, given: Call
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
        self, layer: Layer, prefix: str, verdict: Verdict, times: int, given: Call
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
        return tuple(row for child in layer.children for row in found.get(child.name, ())), output

    def _again(self, layer: Layer, first: list[Row], call: Call) -> Output:
        """What a layer returns when it is called once more, on the tensors of its first call."""
        if first[-1].output is FAILED:
            return FAILED
        again = self.row(layer, first[0].path, Verdict(), 0, call)
        sizes = [row.totals.trainable + row.totals.frozen + row.totals.buffers for row in (*first, again)]
        if again.output is not FAILED and sum(sizes[:-1]) != sizes[-1]:
            self.blame(ShapeMismatch("is called on inputs that need weights of different shapes"), layer.pointer)
        return again.output

    def _leaf(self, layer: Layer, path: str, given: Call) -> Applied:
        """The tensors and the output of a layer that a formula knows."""
        key = self._key(layer, given)
        if (known := KNOWN.recall(key)) is not None:
            return known
        assert layer.config is not None
        if (kind := self._kind(layer, path)) is None:
            return Applied((), None if self.options.unknown == "report" else FAILED, {})
        config = self._known(kind, layer.config, path) if self.document.lenient else layer.config
        if (found := self._computed(kind, config, layer, given)) is None:
            return Applied((), FAILED, {})
        # Every argument must be known; and what is within a wrapper's config may have something to say each time.
        if config is layer.config and not kind.signature.parts:
            KNOWN.keep(key, found)
        return found

    def _key(self, layer: Layer, given: Call) -> Hashable:
        """What a formula's result follows from; None where that is too long."""
        args, kwargs = given
        if layer.alike and not kwargs and len(args) == 1 and type(args[0]) is tuple:
            return layer.alike, args[0]
        return memory.key((self.document.framework, layer.type, layer.config, args, kwargs))

    def _computed(self, kind: LayerType, config: Mapping[str, Any], layer: Layer, given: Call) -> Applied | None:
        """What the formula makes of a config; None where something is wrong, which is told then."""
        pointer = layer.pointer + self.document.config_at
        if wrong := kind.signature.problems(config, pointer):
            for problem in wrong:
                self.blame(problem, "")
        elif not (kind.signature.inputs and fed_by_failure(given)):
            try:
                return self._apply(kind, config, pointer, given)
            except _Told:
                pass
            except Problems as inner:
                for problem in inner.problems:
                    self.blame(problem, "")
            except InvalidConfig as error:
                self.blame(error, pointer)
            except ArchitectureError as error:
                self.blame(error, layer.pointer)
        return None

    def _kind(self, layer: Layer, path: str) -> LayerType | None:
        """The type of a layer, or None where that is a problem or, if so asked, a notice."""
        try:
            return resolve(layer.type, self.document.framework)
        except ArchitectureError as error:
            if isinstance(error, UnknownLayer) and self.options.unknown == "report":
                detail = f'"{layer.type[:100]}" is no known layer; its parameters are not in the totals'
                self.notices.append(Notice("unknown_layer", path, detail, seen=False))
            else:
                self.blame(error, layer.pointer + self.document.type_at)
        return None

    def _known(self, kind: LayerType, config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        """The arguments that a layer knows; the others are told, since they might change the count."""
        if kind.signature.knows(config):
            return config
        known = kind.signature.arguments | kind.signature.ignored
        for name in config.keys() - known:
            detail = f'the argument "{name[:100]}" of {kind.name} is not known: it may change the count'
            self.notices.append(Notice("unknown_argument", path, detail, seen=False))
        return {name: config[name] for name in config if name in known}

    def _apply(self, kind: LayerType, config: Mapping[str, Any], pointer: str, given: Call) -> Applied:
        """What a formula yields and returns."""
        arguments = kind.signature.chosen(config)
        for name in kind.signature.parts & arguments.keys():
            arguments[name] = self._parts(arguments[name], f"{pointer}/{name}")
        return applied(kind.formula(**kind.signature.bind(given.args, given.kwargs), **arguments))

    def _parts(self, value: Any, pointer: str) -> Any:
        """Layers inside a config, as their wrapper's formula calls them."""
        if isinstance(value, list):
            return [self._parts(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        if value is None:
            return None
        assert self.document.part is not None
        return Inner(self.document.part(value, pointer), self._inside)

    def _inside(self, layer: Layer, call: Call) -> tuple[tuple[Tensor, ...], Output]:
        """The tensors of a layer inside a config; the wrapper counts them."""
        row = self.row(layer, "", Verdict(), 0, call)
        if row.output is FAILED:
            raise _Told("")
        return tuple(tensors_of(row, (row.type,))), row.output

    def _settled(
        self, tensors: tuple[Tensor, ...], known: Fates, layer: Layer, path: str, verdict: Verdict, copies: int
    ) -> Settled:
        """A layer's own tensors, each with its fate: without rules it is the same for all that are alike."""
        if layer.shares or (self.ruled and copies):
            return self._settled_anew(tensors, layer, path, verdict, copies)
        fate = layer.dtype or self.options.dtype, verdict.frozen_by, self.document.adapted
        if (found := known.get(fate)) is None:
            found = known[fate] = self._settled_anew(tensors, layer, path, verdict, copies)
        return found

    def _settled_anew(
        self, tensors: tuple[Tensor, ...], layer: Layer, path: str, verdict: Verdict, copies: int
    ) -> Settled:
        computed = layer.config is not None  # by a formula, whose `trainable` is design and no word on training
        ruled = self.ruled and copies
        fates: list[Reason | None] = []
        for tensor in tensors:
            role, trainable = tensor.role, tensor.trainable
            free = trainable or computed
            own = verdict if free else FROZEN
            if ruled:
                full = f"{path}.{tensor.name}" if path else tensor.name
                own = self.rules.settle(full, verdict, free, inside=tensor.inside)
            if role == "buffer" or (computed and not trainable):
                fates.append(DESIGN)
            else:
                fates.append(ADAPTER if own is FROZEN and self.document.adapted else own.frozen_by)
        return settle(tensors, fates, layer.dtype or self.options.dtype, layer.shares)

    def _add(self, own: Settled, layer: Layer, copies: int) -> None:
        """Count a layer's own tensors."""
        self.tensors += len(own.tensors)
        for dtype, size in own.weights.items():
            self.weights[dtype] += size * copies
        for dtype, size in own.buffers.items():
            self.buffers[dtype] += size * copies
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


class _Enough(Exception):
    """There are problems enough to tell, or a limit is reached."""


class _Told(ArchitectureError):
    """What is wrong inside a layer is told already."""
