"""Figures that profilers add to a printed module: ptflops, DeepSpeed's profiler, calflops, torch_summarize."""

from __future__ import annotations

import re

from paramcount.formats.torch.arguments import split

_NUMBER = r"-?(?:\d[\d.,]*+(?:e[+-]?\d+)?|nan|inf)"
_SHARE = re.compile(rf"\|?(?P<value>{_NUMBER}(?: ?\w+)? = )?{_NUMBER}% \w+\|?")
"""A share of the whole: "0.081% Params" after its value (ptflops), "9.41 k = 0.08% Params" (DeepSpeed, calflops)."""

_VALUE = re.compile(rf"\|?{_NUMBER}(?: ?\w+)?")
_RATE = re.compile(rf"{_NUMBER} [kKMGTPE]?FLOPS")
_TAIL = re.compile(rf",? ?(?:{_NUMBER} params|(?:weights=[\d(), ]*, )?parameters=\d+)(?:,.*)?", re.ASCII)
"""A figure after a module's last bracket, as model_summary and torch_summarize write it."""


def is_figure(tail: str) -> bool:
    """Return whether what follows a module's last bracket is a figure: ", 23,296 params"."""
    return _TAIL.fullmatch(tail) is not None


def strip_figures(text: str) -> str:
    """Return a module's own text without the figures of a profiler."""
    if "% " not in text:
        return text
    kept: list[str] = []
    for part in split(text):
        match = _SHARE.fullmatch(part)
        if match and not match["value"] and kept and _VALUE.fullmatch(kept[-1]):
            kept.pop()
        elif not match and not _RATE.fullmatch(part):
            kept.append(part)
    return ", ".join(kept)
