"""Globs over dotted paths, matched together in time linear in the path (RE2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate

import re2

from paramcount.model import block_ranges
from paramcount.model.errors import TooLarge

MAX_GLOB_CHARACTERS = 100_000
"""The most characters of all globs of one set."""

MAX_EXPRESSION_CHARACTERS = 2_000_000
"""The most characters of the expressions that all globs of one set become: a range of long indices is thousands."""

MAX_MATCH_STEPS = 50_000_000
"""The characters of a path times those of all globs: what one match may take, some hundred milliseconds at worst."""

_MAX_MEMORY_BYTES = 32 * 2**20

MAX_SET_STEPS = 1_000_000
"""The sets of characters in globs times the characters that they are held against, for the copies of blocks."""

_MAX_KNOWN_CHARACTERS = 4096
_BITS_PER_STEP = 2048
"""An operation on a state of more bits takes longer."""

# A star; a class such as [!ab]; indices between dots that name more than one ("0-9,12"); else a character.
_STAR, _SET = r"(?P<star>\*+)|", r"(?P<set>\[!?\]?[^\]]*\])|"
_REST = rf"(?P<indices>(?:(?<=\.)|\A)(?=[0-9]+[-,]){block_ranges.PATTERN}(?=\.|\Z))|(?P<one>.)"
_TOKEN = re.compile(_STAR + _SET + _REST, re.DOTALL)
_TOKEN_WITHOUT_SET = re.compile(_STAR + _REST, re.DOTALL)
_TRANSLATED = re.compile(r"\(\?s:(.*)\)\\[Zz]", re.DOTALL)
_INDEX = re.compile("0|[1-9][0-9]{0,17}")
_ESCAPED_OR_BRACKET = re.compile(r"\\.|\[", re.DOTALL)  # RE2 would read [: as a class of POSIX
_NOTHING = r"[^\x00-\x{10FFFF}]"


class GlobSet:
    """Globs as fnmatch has them (`*` and `?` span dots), in which a component "0-9,12" stands for each index."""

    def __init__(self, globs: Sequence[str]) -> None:
        """Raises TooLarge for more than MAX_GLOB_CHARACTERS."""
        self._size, self._count = sum(map(len, globs)), len(globs)
        if self._size > MAX_GLOB_CHARACTERS:
            raise TooLarge(f"has rules of more than {MAX_GLOB_CHARACTERS:,} characters")
        options = re2.Options()
        options.dot_nl, options.log_errors, options.max_mem = True, False, _MAX_MEMORY_BYTES
        self._set = re2.Set.FullMatchSet(options)
        length = 0
        try:
            for glob in globs:
                expression = _encode(translate_glob(glob))
                length += len(expression)
                if length > MAX_EXPRESSION_CHARACTERS:
                    raise TooLarge("has rules with too many ranges of indices")
                self._set.Add(expression)
            self._set.Add(".*")  # matches whatever there is, so that a match that ran out of memory is noticed
            self._set.Compile()
        except re2.error:
            raise TooLarge("has rules that take too much memory") from None

    def match(self, path: str) -> list[int]:
        """The indices of the globs that match, ascending. Raises TooLarge for more than MAX_MATCH_STEPS."""
        if len(path) * self._size > MAX_MATCH_STEPS:
            raise TooLarge(f"has a path of {len(path):,} characters, too long for rules of {self._size:,} characters")
        matches: list[int] = self._set.Match(_encode(path)) or []
        try:
            matches.remove(self._count)
        except ValueError:
            raise TooLarge("has rules that take too much memory") from None
        matches.sort()
        return matches


class GlobStates:
    """Globs as one automaton: texts that lead to one state go on alike, whatever follows them.

    A state is a set of bits. Each glob has one for each of its tokens but stars, which is set where that token comes
    next, and one for its end; a star before a token keeps its bit. (Baeza-Yates and Gonnet's Shift-And.)
    """

    def __init__(self, globs: Sequence[str]) -> None:
        self.start = self._loops = self._any = 0  # bits: where globs begin, after a star, before a question mark
        self._literals: dict[str, int] = {}  # the bits before a character
        self._sets: list[tuple[int, re.Pattern[str]]] = []  # the bit before a set of characters
        self._indices: list[tuple[int, str, list[tuple[int, int]]]] = []  # of a token "0-9,12": bit, text, ranges
        self._takes: dict[str, int] = {}  # the bits before all that takes a character
        self._steps = 0  # of sets
        bit = 1
        for glob in globs:
            self.start |= bit
            for token in _split_tokens(glob):
                if token.lastgroup == "star":
                    self._loops |= bit
                    continue
                if token.lastgroup == "indices":
                    self._indices.append((bit, token[0], block_ranges.parse(token[0])))
                elif token.lastgroup == "set":
                    self._sets.append((bit, re.compile(translate(token[0]))))
                elif token[0] == "?":
                    self._any |= bit
                else:
                    self._literals[token[0]] = self._literals.get(token[0], 0) | bit
                bit <<= 1
            bit <<= 1
        self._bits = bit.bit_length()

    def count_steps(self, text: str) -> int:
        """Return the steps that a text takes: its characters, and its components times the indices, by their bits."""
        operations = len(text) + (1 + text.count(".")) * len(self._indices) // 4
        return operations * (1 + self._bits // _BITS_PER_STEP)

    def advance(self, state: int, text: str) -> int:
        """Return the state after a text: whole components of a path, with a dot between two of them.

        Raises TooLarge for more than MAX_SET_STEPS.
        """
        for number, component in enumerate(text.split(".")):
            if number:
                state = self._step(state, ".")
            after = 0
            for bit, name, ranges in self._indices:
                if state & bit and (component == name or _is_index(component, ranges)):
                    after |= bit << 1
            for character in component:
                state = self._step(state, character)
            state |= after
        return state

    def _step(self, state: int, character: str) -> int:
        if (takes := self._takes.get(character)) is None:
            takes = self._find_takes(character)
            if len(self._takes) >= _MAX_KNOWN_CHARACTERS:
                self._takes.clear()
            self._takes[character] = takes
        return (state & takes) << 1 | state & self._loops

    def _find_takes(self, character: str) -> int:
        self._steps += (1 + len(self._sets)) * (1 + self._bits // _BITS_PER_STEP)
        if self._steps > MAX_SET_STEPS:
            raise TooLarge("has rules with too many sets of characters to be held against so many copies of blocks")
        takes = self._any | self._literals.get(character, 0)
        for bit, pattern in self._sets:
            if pattern.match(character):
                takes |= bit
        return takes


def _split_tokens(glob: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a glob; after its last bracket none is looked for, which would take the rest each time."""
    end, position = glob.rfind("]"), 0
    while position < len(glob):
        token = (_TOKEN if position < end else _TOKEN_WITHOUT_SET).match(glob, position)
        assert token
        yield token
        position = token.end()


def _is_index(component: str, ranges: Sequence[tuple[int, int]]) -> bool:
    """Return whether a component is one of these indices, written as Python writes it."""
    return _INDEX.fullmatch(component) is not None and any(first <= int(component) <= last for first, last in ranges)


def _encode(text: str) -> bytes:
    """UTF-8; a lone surrogate, which a command line may bring, becomes a question mark."""
    return text.encode(errors="replace")


def translate_glob(glob: str) -> str:
    """A glob as a regular expression of RE2."""
    return "".join(map(_translate_token, _split_tokens(glob.encode(errors="replace").decode())))


def _translate_token(token: re.Match[str]) -> str:
    if token.lastgroup == "star":
        return ".*"
    if token.lastgroup == "indices":
        return f"(?:{'|'.join((re2.escape(token[0]), *_translate_indices(token[0])))})"
    if token.lastgroup == "set":
        translated = _TRANSLATED.fullmatch(translate(token[0]))
        assert translated
        if translated[1] == "(?!)":  # a range that is empty
            return _NOTHING
        if translated[1][0] != "[":
            return translated[1]
        return "[" + _ESCAPED_OR_BRACKET.sub(lambda part: r"\[" if part[0] == "[" else part[0], translated[1][1:])
    return "." if token[0] == "?" else str(re2.escape(token[0]))


def _translate_indices(name: str) -> Iterator[str]:
    """Expressions that match each number in a list of indices."""
    for first, last in block_ranges.parse(name):
        yield from _translate_range(first, last)


def _translate_range(first: int, last: int) -> Iterator[str]:
    """Expressions, two a digit at most, for the numbers from `first` to `last`: 7 to 123 is [7-9], [1-9][0-9], ..."""
    while first <= last:
        # The widest run from `first` in which all but one digit is fixed or free: 30 to 99 is [3-9][0-9].
        free = 0
        while first % 10 ** (free + 1) == 0 and first and first + 10 ** (free + 1) - 1 <= last:
            free += 1
        unit = 10**free
        digit = first // unit % 10
        end = min(9, digit + (last - first + 1) // unit - 1)
        head = str(first // unit // 10) if first >= 10 * unit else ""
        yield f"{head}[{digit}-{end}]{'[0-9]' * free}"
        first += (end - digit + 1) * unit
