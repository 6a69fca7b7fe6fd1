"""The errors, drawn as a tree; each problem has a stable code and a JSON pointer to its place in the payload.

* ArchitectureError       something about a payload; its author can mend it
  - InvalidDocument       it breaks the contract
    + Incomplete          bytes of a file are needed that were not sent
  - UnknownFormat         no reader claims it, or several do
  - UnknownLayer          no formula is registered for a layer's type
  - AmbiguousLayer        several frameworks have a layer of that name
  - InvalidConfig         a layer's arguments describe no possible layer
  - ShapeMismatch         the input of a layer does not fit it
  - UnknownShape          a weight's size depends on a shape that the document does not state
    + UnknownInput        the shape of a layer's input
  - InvalidGraph          a cycle, a name used twice, an input that is not there
  - TooLarge              a limit of this service
  - FaultyFormula         the formula of a plug-in's layer is wrong; the author of the plug-in can mend it
* RegistrationError       a plug-in (or a built-in) that cannot be registered; the service does not start
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

MAX_PROBLEMS = 100
"""The most problems of one payload that are reported at once."""

_LAST_BYTE = 2**64 - 1
"""The position of the last byte that can be asked for, whatever length a file states: JSON is written of no more."""


class ArchitectureError(Exception):
    """A problem of a payload: its detail, a JSON pointer to it, and a stable code."""

    code = "invalid"
    needs: Mapping[str, Any] | None = None  # the bytes of a file that are needed to go on

    def __init__(self, detail: str, pointer: str = "", code: str = "") -> None:
        super().__init__(detail)
        self.detail, self.pointer, self.code = detail, pointer, code or self.code


class InvalidDocument(ArchitectureError):
    code = "invalid_document"


class Incomplete(InvalidDocument):
    """A file ends, or has a gap, where its reader needs the bytes from `first` up to `end` to read `what`."""

    code = "incomplete"
    needs: Mapping[str, Any]

    def __init__(self, first: int, end: int, what: str, file: str = "", pointer: str = "") -> None:
        detail = f"ends after {first:,} bytes, within {what}: at least the first {end:,} bytes of the file are needed"
        if file:
            detail = f"needs the bytes {first:,} to {end - 1:,} of {file[:200]}, for {what}"
        super().__init__(detail, pointer)
        self.needs = {"file": file, "first": first, "last": min(end - 1, _LAST_BYTE)}


class UnknownFormat(ArchitectureError):
    code = "unknown_format"


class UnknownLayer(ArchitectureError):
    code = "unknown_layer"

    def __init__(self, detail: str, name: str, pointer: str = "") -> None:
        super().__init__(detail, pointer)
        self.name = name


class AmbiguousLayer(ArchitectureError):
    code = "ambiguous_layer"


class InvalidConfig(ArchitectureError):
    code = "invalid_config"


class ShapeMismatch(ArchitectureError):
    code = "shape_mismatch"


class UnknownShape(ArchitectureError):
    code = "unknown_shape"


class UnknownInput(UnknownShape):
    """The shape of an input is not known: the model states none, or the layer before it does not."""

    _ADVICE = "state an input shape"

    def __init__(self, name: str = "") -> None:
        quoted = f' "{name}"' if name else ""
        super().__init__(f"the shape of its input{quoted} is not known: {self._ADVICE}")

    def name_origin(self, path: str, layer_type: str) -> None:
        """Name the layer that does not state its output shape, unless an earlier one is named already."""
        origin = f'the document does not state what "{path[:100]}" before it ({layer_type[:100]}) returns'
        self.detail = self.detail.replace(self._ADVICE, origin)


class InvalidGraph(ArchitectureError):
    code = "invalid_graph"


class TooLarge(ArchitectureError):
    code = "too_large"


class FaultyFormula(ArchitectureError):
    code = "faulty_formula"

    def __init__(self, layer_type: str, origin: str, detail: str) -> None:
        text = detail.encode(errors="backslashreplace").decode()  # a lone surrogate cannot be answered
        super().__init__(f'the formula of the plug-in layer "{layer_type}" (in {origin}) {text}')


class Problems(ExceptionGroup[ArchitectureError]):
    """Every problem of a payload at once."""

    def __new__(cls, problems: Iterable[ArchitectureError]) -> Problems:
        members = list(problems)
        for problem in members:  # what was caught would keep its frames, and with them all that was read
            problem.__traceback__ = problem.__context__ = None
        return super().__new__(cls, "the payload has problems", members)

    @property
    def problems(self) -> tuple[ArchitectureError, ...]:
        """The problems, one by one."""
        return tuple(problem for problem in self.exceptions if isinstance(problem, ArchitectureError))


def raise_problems(problems: Iterable[ArchitectureError]) -> None:
    """Raise Problems with the first MAX_PROBLEMS of `problems`; return where there are none."""
    if first := list(islice(problems, MAX_PROBLEMS)):
        raise Problems(first) from None


def prefix_pointers(prefix: str, problems: Problems) -> Problems:
    """Turn the pointers of a document's problems into pointers into what holds the document."""
    for error in problems.problems:
        error.pointer = prefix + error.pointer
    return problems


class RegistrationError(Exception):
    """A layer, format or plug-in cannot be registered."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return '; did you mean "Dense"?' for the nearest known name, or '' where none is near."""
    close = get_close_matches(name[:100], list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def token(part: str | int) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


def locate_by_line(error: ArchitectureError) -> ArchitectureError:
    """Move the line of a text from a problem's pointer to its detail: "line 12: kernel_size must be at least 1"."""
    line, _, argument = error.pointer.partition("/")
    error.detail, error.pointer = f"{line}: {argument} {error.detail}".replace(":  ", ": "), ""
    return error
