"""A machine for pickles of protocols 0 to 5. It resolves no name and calls nothing: a class is a name, an object a
record.

Every value costs at least a byte of the pickle, and what takes more memory than its bytes is counted. No value is
hashed but texts and small integers, none is compared, and nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from mmap import mmap
from struct import Struct
from struct import error as StructError  # noqa: N812 # it is a class
from typing import Any

from paramcount.formats.pickles.objects import Global, Instance, Key
from paramcount.formats.pickles.opcodes import HANDLERS, OPERAND_BYTES, STOP, Stop
from paramcount.model import budget
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge

MAX_PROTOCOL = 5

MAX_VALUES = 8_000_000
"""The most lists, dicts, tuples, objects and entries of the memo, each, of one pickle."""

_BATCH_OPERATIONS = 4096
"""The number of operations between two looks at the limits."""

_BINPUT, _BINGET, _LONG_BINPUT, _BININT1, _MARK = b"qhrK("
_TWICE = b"("
_unpack_u32 = Struct("<I").unpack_from

Build = Callable[[Any], Any]
"""The result of a known function for its arguments. Raises InvalidDocument."""


Shortcut = Callable[["Machine", int], int]
"""Interpret at once what begins with two marks at a position, and return the position after it; 0 to leave it."""


class BadPickle(InvalidDocument):
    """Bytes that are no pickle, or one that no Pickler writes."""

    code = "pickle"


class Machine:
    """One pickle in bytes from `position` up to `end`. `builds`: what known functions make, by dotted name.

    `is_whole`: nothing of the file is missing after `end`.
    """

    def __init__(
        self,
        data: bytes | mmap,
        position: int = 0,
        end: int | None = None,
        *,
        builds: Mapping[str, Build],
        load_persistent: Build | None = None,
        is_whole: bool = True,
        charged: int = 0,
    ) -> None:
        self.data, self.position = data, position
        self.end = len(data) if end is None else end
        self.builds, self.load_persistent, self.is_whole = builds, load_persistent, is_whole
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[tuple[str, str], Global] = {}
        self.values = charged  # lists, dicts, tuples and objects that were made
        self.shortcut: Shortcut | None = None
        self._max_values = min(MAX_VALUES, budget.max_values())

    def load(self) -> Any:
        """Return the object that the pickle describes, and leave `position` after it. Raises InvalidDocument."""
        try:
            while True:
                self._check_limits()
                self._run(_BATCH_OPERATIONS)
        except Stop:
            pass
        except (IndexError, StructError):
            self._explain_end()
        except ValueError:
            raise self.bad("takes other values from its stack than it needs") from None
        except KeyError:
            raise self.bad("gets from its memo what was not put there") from None
        if self.position > self.end:
            raise self.short(self.position)
        if len(self.stack) != 1 or self.marks:
            raise self.bad("ends with another number of values than one")
        return self.stack.pop()

    def _run(self, operations: int) -> None:
        """Interpret so many operations. Raises Stop at the end of the pickle."""
        data, stack, memo, marks, handlers = self.data, self.stack, self.memo, self.marks, HANDLERS
        position, shortcut = self.position, self.shortcut
        try:
            for _ in range(operations):
                opcode = data[position]
                if opcode == _LONG_BINPUT:
                    (index,) = _unpack_u32(data, position + 1)
                    memo[index] = stack[-1]
                    position += 5
                elif opcode == _BINGET:
                    stack.append(memo[data[position + 1]])
                    position += 2
                elif opcode == _BINPUT:
                    memo[data[position + 1]] = stack[-1]
                    position += 2
                elif opcode == _BININT1:
                    stack.append(data[position + 1])
                    position += 2
                elif opcode != _MARK:
                    self.position = position
                    position = handlers[opcode](self, position + 1)
                elif (
                    shortcut is not None
                    and data[position + 1 : position + 2] == _TWICE
                    and (end := shortcut(self, position))
                ):
                    position = end
                else:
                    marks.append(len(stack))
                    position += 1
        except (IndexError, KeyError, StructError):
            self.position = position
            raise
        self.position = position

    def _check_limits(self) -> None:
        size = max(self.values, len(self.memo) // 2, len(self.marks), len(self.stack) // 4)
        if size > self._max_values:
            raise TooLarge(f"is a pickle of more than {self._max_values:,} values")
        if self.position > self.end:
            raise self.short(self.position)

    def _explain_end(self) -> None:
        """Raise the problem of an operation that lacks bytes, or values on the stack."""
        opcode = self.data[self.position] if self.position < len(self.data) else STOP
        end = self.position + 1 + OPERAND_BYTES[opcode]
        if end > self.end:
            raise self.short(end) from None
        raise self.bad("takes more values from its stack than there are") from None

    def bad(self, detail: str) -> BadPickle:
        """Return the problem of the operation at hand."""
        return BadPickle(f"is no pickle that can be read: at byte {self.position:,} it {detail}")

    def short(self, end: int) -> InvalidDocument:
        """Return the problem of bytes that are missing, up to `end`."""
        if self.is_whole:
            return BadPickle(f"holds a pickle that is not complete: it has {self.end:,} bytes, and needs {end:,}")
        return Incomplete(self.end, end, "its pickle")

    def take(self, position: int, length: int) -> bytes:
        """Return so many bytes; refuse a length that exceeds what is there before it is looked at."""
        if position + length > self.end:
            raise self.short(position + length)
        return self.data[position : position + length]

    def pop_mark(self) -> list[Any]:
        """Take all values above the last mark from the stack."""
        first = self.marks.pop()
        if first > len(self.stack):
            raise IndexError
        values = self.stack[first:]
        del self.stack[first:]
        return values

    def make_global(self, module: Any, name: Any) -> Global:
        """Return the class or function of that name."""
        if not (isinstance(module, str) and isinstance(name, str)):
            raise self.bad("names a class by what is no text")
        made = self.globals.get((module, name))
        if made is None:
            made = self.globals[module, name] = Global(module, name)
        return made

    def make(self, kind: Any, args: Any) -> Any:
        """Return what a known function makes of its arguments; of any other a record of both."""
        self.values += 1
        if isinstance(kind, Global) and (build := self.builds.get(kind.path)) is not None:
            if not isinstance(args, tuple):
                raise self.bad(f"calls {kind.path[:100]} with what are no arguments")
            try:
                return build(args)
            except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, StopIteration):
                raise self.bad(f"calls {kind.path[:100]} with arguments that it does not take") from None
        return Instance(kind, args)

    def set_items(self, target: Any, pairs: list[Any]) -> None:
        """Put keys and values, one after the other, into a dict."""
        if isinstance(target, Instance):
            if target.entries is None:
                target.entries = {}
            target = target.entries
        if not isinstance(target, dict) or len(pairs) % 2:
            raise self.bad("puts items into what is no dict" if len(pairs) % 2 == 0 else "has a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) is str:
                target[key] = value
            elif isinstance(key, list | dict):
                raise self.bad("has a key that cannot be one")
            else:
                self.values += 1
                target[Key(key)] = value

    def append(self, target: Any, values: list[Any]) -> None:
        """Append values to a list."""
        if isinstance(target, Instance):
            if target.items is None:
                target.items = []
            target = target.items
        if not isinstance(target, list):
            raise self.bad("appends to what is no list")
        target += values
