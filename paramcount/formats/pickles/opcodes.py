"""The opcodes of pickles (pickletools.opcodes): a handler each, which takes the machine, returns the next position."""

from __future__ import annotations

from codecs import escape_decode
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any

from paramcount.formats.pickles.objects import Instance

if TYPE_CHECKING:
    from paramcount.formats.pickles.machine import Machine

STOP = ord(".")
_MAX_PROTOCOL = 5
_MAX_LINE_BYTES = 2**20
_MAX_DIGITS = 4000
"""The most digits of an integer in decimal: converting takes time by their square."""

Handler = Callable[["Machine", int], int]


class Stop(Exception):
    """The end of a pickle."""


def _refuse(machine: Machine, position: int) -> int:
    raise machine.bad(f"has the operation {machine.data[position - 1]:#04x}, which there is not")


HANDLERS: list[Handler] = [_refuse] * 256
OPERAND_BYTES = [0] * 256
"""The bytes of an operand of fixed length, or of the length of one that is not."""


def _opcode(code: bytes, operand: int = 0) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for byte in code:
            HANDLERS[byte], OPERAND_BYTES[byte] = handler, operand
        return handler

    return register


def _register_constant(code: bytes, value: Any) -> None:
    def push(machine: Machine, position: int) -> int:
        machine.stack.append(value)
        return position

    _opcode(code)(push)


for _code, _value in ((b"N", None), (b"\x88", True), (b"\x89", False), (b")", ())):
    _register_constant(_code, _value)


def _register_number(code: bytes, layout: str) -> None:
    """Register an opcode that pushes a number of fixed length."""
    struct = Struct(layout)
    unpack, size = struct.unpack_from, struct.size

    def push(machine: Machine, position: int) -> int:
        machine.stack.append(unpack(machine.data, position)[0])
        return position + size

    _opcode(code, size)(push)


for _code, _layout in ((b"J", "<i"), (b"M", "<H"), (b"G", ">d")):
    _register_number(_code, _layout)

for _byte in b"qhK":  # the machine handles them itself
    OPERAND_BYTES[_byte] = 1
OPERAND_BYTES[ord("r")] = 4


def _register_sized(code: bytes, layout: str, convert: Callable[[bytes], Any]) -> None:
    """Register an opcode that pushes a value of so many bytes, which its length says."""
    struct = Struct(layout)
    unpack, size = struct.unpack_from, struct.size

    def push(machine: Machine, position: int) -> int:
        length: int = unpack(machine.data, position)[0]
        if length < 0:
            raise machine.bad("has a negative length")
        position += size
        end = position + length
        if end > machine.end:
            raise machine.short(end)
        try:
            machine.stack.append(convert(machine.data[position:end]))
        except UnicodeDecodeError:
            raise machine.bad("has a text that is not UTF-8") from None
        return end

    _opcode(code, size)(push)


for _code, _layout, _convert in (
    (b"X", "<I", lambda raw: raw.decode("utf-8", "surrogatepass")),
    (b"\x8c", "<B", lambda raw: raw.decode("utf-8", "surrogatepass")),
    (b"\x8d", "<Q", lambda raw: raw.decode("utf-8", "surrogatepass")),
    (b"T", "<i", lambda raw: raw.decode("latin-1")),  # text of Python 2
    (b"U", "<B", lambda raw: raw.decode("latin-1")),
    (b"B", "<I", bytes),
    (b"C", "<B", bytes),
    (b"\x8e", "<Q", bytes),
    (b"\x96", "<Q", bytes),
    (b"\x8a", "<B", lambda raw: int.from_bytes(raw, "little", signed=True)),
    (b"\x8b", "<i", lambda raw: int.from_bytes(raw, "little", signed=True)),
):
    _register_sized(_code, _layout, _convert)


def _read_line(machine: Machine, position: int) -> tuple[bytes, int]:
    """Return a line without its end, and the position after it."""
    limit = min(machine.end, position + _MAX_LINE_BYTES)
    end = machine.data.find(b"\n", position, limit)
    if end < 0:
        if limit < machine.end:
            raise machine.bad("has too long a line")
        raise machine.short(machine.end + 1)
    return machine.data[position:end], end + 1


def _register_line(code: bytes, convert: Callable[[bytes], Any]) -> None:
    """Register an opcode that pushes the value of a line."""

    def push(machine: Machine, position: int) -> int:
        raw, position = _read_line(machine, position)
        try:
            machine.stack.append(convert(raw))
        except ValueError:
            raise machine.bad("has a line that is no such value") from None
        return position

    _opcode(code)(push)


def _decimal(raw: bytes) -> int | bool:
    if len(raw) > _MAX_DIGITS:
        raise ValueError
    return raw == b"01" if raw in (b"00", b"01") else int(raw)


def _long(raw: bytes) -> int:
    return int(_decimal(raw.removesuffix(b"L") or b"0"))


def _unquote(raw: bytes) -> str:
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise ValueError
    return escape_decode(raw[1:-1])[0].decode("latin-1")


for _code, _from_line in (
    (b"I", _decimal),
    (b"L", _long),
    (b"F", float),
    (b"S", _unquote),
    (b"V", lambda raw: raw.decode("raw-unicode-escape")),
):
    _register_line(_code, _from_line)


@_opcode(b".")
def _stop(machine: Machine, position: int) -> int:
    machine.position = position
    raise Stop


@_opcode(b"\x80", 1)
def _protocol(machine: Machine, position: int) -> int:
    if machine.data[position] > _MAX_PROTOCOL:
        raise machine.bad(f"states protocol {machine.data[position]}, where {_MAX_PROTOCOL} is the highest")
    return position + 1


@_opcode(b"\x95", 8)
def _frame(machine: Machine, position: int) -> int:
    length = int.from_bytes(machine.take(position, 8), "little")
    if machine.is_whole and position + 8 + length > machine.end:
        raise machine.short(position + 8 + length)
    return position + 8


@_opcode(b"\x82", 1)
@_opcode(b"\x83", 2)
@_opcode(b"\x84", 4)
def _extension(machine: Machine, _: int) -> int:
    raise machine.bad("names a class by a number, which only the writer's own registry knows")


@_opcode(b"\x97\x98")
def _buffer(machine: Machine, _: int) -> int:
    raise machine.bad("takes a buffer that is not in the file")


@_opcode(b"j", 4)
def _long_binget(machine: Machine, position: int) -> int:
    machine.stack.append(machine.memo[int.from_bytes(machine.take(position, 4), "little")])
    return position + 4


@_opcode(b"\x94")
def _memoize(machine: Machine, position: int) -> int:
    machine.memo[len(machine.memo)] = machine.stack[-1]
    return position


@_opcode(b"pg")
def _put_or_get(machine: Machine, position: int) -> int:
    raw, end = _read_line(machine, position)
    if not raw.isdigit() or len(raw) > 10:
        raise machine.bad("has a place in its memo that is no number")
    if machine.data[position - 1] == ord("p"):
        machine.memo[int(raw)] = machine.stack[-1]
    else:
        machine.stack.append(machine.memo[int(raw)])
    return end


@_opcode(b"0")
def _pop(machine: Machine, position: int) -> int:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()
    return position


@_opcode(b"1")
def _pop_mark(machine: Machine, position: int) -> int:
    machine.pop_mark()
    return position


@_opcode(b"2")
def _duplicate(machine: Machine, position: int) -> int:
    machine.stack.append(machine.stack[-1])
    return position


@_opcode(b"t\x91")  # a frozenset is a tuple here
def _tuple(machine: Machine, position: int) -> int:
    machine.values += 1
    machine.stack.append(tuple(machine.pop_mark()))
    return position


def _register_tuple(code: bytes, length: int) -> None:
    def push(machine: Machine, position: int) -> int:
        stack = machine.stack
        if len(stack) < length:
            raise IndexError
        machine.values += 1
        stack[-length:] = [tuple(stack[-length:])]
        return position

    _opcode(code)(push)


for _code, _length in ((b"\x85", 1), (b"\x86", 2), (b"\x87", 3)):
    _register_tuple(_code, _length)


@_opcode(b"]\x8f")  # a set is a list here: nothing is hashed
def _empty_list(machine: Machine, position: int) -> int:
    machine.values += 1
    machine.stack.append([])
    return position


@_opcode(b"}")
def _empty_dict(machine: Machine, position: int) -> int:
    machine.values += 1
    machine.stack.append({})
    return position


@_opcode(b"l")
def _list(machine: Machine, position: int) -> int:
    machine.values += 1
    machine.stack.append(machine.pop_mark())
    return position


@_opcode(b"d")
def _dict(machine: Machine, position: int) -> int:
    machine.values += 1
    made: dict[Any, Any] = {}
    machine.set_items(made, machine.pop_mark())
    machine.stack.append(made)
    return position


@_opcode(b"s")
def _set_item(machine: Machine, position: int) -> int:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.set_items(machine.stack[-1], [key, value])
    return position


@_opcode(b"u")
def _set_items(machine: Machine, position: int) -> int:
    pairs = machine.pop_mark()
    machine.set_items(machine.stack[-1], pairs)
    return position


@_opcode(b"a")
def _append(machine: Machine, position: int) -> int:
    value = machine.stack.pop()
    machine.append(machine.stack[-1], [value])
    return position


@_opcode(b"e\x90")
def _appends(machine: Machine, position: int) -> int:
    values = machine.pop_mark()
    machine.append(machine.stack[-1], values)
    return position


@_opcode(b"c")
def _global(machine: Machine, position: int) -> int:
    module, position = _read_line(machine, position)
    name, position = _read_line(machine, position)
    machine.stack.append(machine.make_global(module.decode(errors="replace"), name.decode(errors="replace")))
    return position


@_opcode(b"\x93")
def _stack_global(machine: Machine, position: int) -> int:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.make_global(module, name))
    return position


@_opcode(b"R\x81")  # NEWOBJ makes an object without its constructor: the record is the same
def _reduce(machine: Machine, position: int) -> int:
    args, kind = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.make(kind, args))
    return position


@_opcode(b"\x92")
def _new_object_with_keywords(machine: Machine, position: int) -> int:
    keywords, args, kind = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.values += 1
    machine.stack.append(Instance(kind, (args, keywords)))
    return position


@_opcode(b"o")
def _object(machine: Machine, position: int) -> int:
    kind, *args = machine.pop_mark()
    machine.stack.append(machine.make(kind, tuple(args)))
    return position


@_opcode(b"i")
def _instance(machine: Machine, position: int) -> int:
    position = _global(machine, position)
    kind = machine.stack.pop()
    machine.stack.append(machine.make(kind, tuple(machine.pop_mark())))
    return position


@_opcode(b"b")
def _build(machine: Machine, position: int) -> int:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, Instance):
        target.state = state
    elif hasattr(target, "set_state"):
        try:
            target.set_state(state)
        except (TypeError, ValueError, IndexError):
            raise machine.bad("gives an array a state that it cannot have") from None
    return position  # a dict's state is no part of its items


@_opcode(b"P")
def _persistent(machine: Machine, position: int) -> int:
    raw, position = _read_line(machine, position)
    machine.stack.append(raw.decode(errors="replace"))
    return _binary_persistent(machine, position)


@_opcode(b"Q")
def _binary_persistent(machine: Machine, position: int) -> int:
    value = machine.stack.pop()
    if machine.load_persistent is None:
        raise machine.bad("refers to data outside it, which a plain pickle has none of")
    machine.values += 1
    machine.stack.append(machine.load_persistent(value))
    return position
