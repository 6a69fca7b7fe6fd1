"""What was measured, as tables and a chart in docs/performance.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from html import escape
from math import log10
from pathlib import Path

from benchmarks.floor import Ratio
from benchmarks.peers import Peer
from benchmarks.scaling import Layers, Memory, Point, Throughput

DOCS = Path(__file__).parents[1] / "docs"
PAGE, CHART = DOCS / "performance.md", DOCS / "performance.svg"


def machine() -> str:
    """Where it was measured."""
    cores = len(os.sched_getaffinity(0))
    return f"Python {platform.python_version()}, {cores} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}."


def put(name: str, text: str) -> None:
    """Replace what stands on the page between the marks of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"{PAGE.name} has no {begin.strip()}"
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown; the first column is text, the others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def floor(found: Sequence[Ratio]) -> None:
    rows = (
        (
            each.name,
            f"{each.received:,}",
            f"{each.sent:,}",
            f"{each.bare * 1e6:,.0f} µs",
            f"{each.floor * 1e6:,.0f} µs",
            f"{each.new * 1e6:,.0f} µs",
            f"**{each.times['new/floor']:.2f} ×**",
            f"{each.times['new/bare']:.2f} ×",
            f"{each.other * 1e6:,.0f} µs",
            f"**{each.times['other/floor']:.2f} ×**",
            f"{each.again * 1e6:,.0f} µs",
            f"**{each.times['again/floor']:.2f} ×**",
            f"{each.noise:.0%}",
            f"{each.per_second:,.0f}",
            f"{each.first * 1e3:,.1f} ms",
        )
        for each in found
    )
    head = (
        *("request", "bytes in", "out", "bare Flask", "floor", "new", "of the floor", "of bare"),
        *("other sizes", "of the floor", "again", "of the floor", "noise", "new a second", "the first"),
    )
    put("floor", f"{machine()}\n\n{table(head, rows)}")
    CHART.write_text(_chart(found))


def peers(found: Sequence[Peer]) -> None:
    rows = (
        (
            each.name,
            each.what,
            f"{each.theirs.seconds * 1e3:,.2f} ms",
            f"{each.ours.seconds * 1e3:,.3f} ms",
            f"**{_ratio(each.theirs.seconds / each.ours.seconds)} ×**",
            f"{each.theirs.imports:.1f} s, {each.ours.imports:.1f} s",
            f"{each.theirs.memory / 1e6:,.0f} MB, {each.ours.memory / 1e6:,.0f} MB",
        )
        for each in found
    )
    head = ("peer", "counts", "takes", "paramcount", "ratio", "imports", "memory")
    put("peers", f"{machine()}\n\n{table(head, rows)}")


def _ratio(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.2g}"


def scaling(
    layers: Sequence[Layers], repeats: Sequence[Point], nesting: Sequence[Point], workers: Sequence[Throughput]
) -> None:
    each = table(
        ("layers", "own time", "the kernel's", "a layer", "of one of 1,000", "of its own time"),
        (
            (
                f"{p.size:,}",
                f"{p.own * 1e3:,.2f} ms",
                f"{p.kernel * 1e3:,.2f} ms",
                f"{(p.own + p.kernel) / p.size * 1e6:.1f} µs",
                f"{p.ratio:.2f} ×",
                f"{p.own_ratio:.2f} ×",
            )
            for p in layers
        ),
    )
    rest = "\n".join(
        table((name, "time"), ((f"{p.size:,}", f"{p.seconds * 1e6:,.0f} µs") for p in points))
        for name, points in (("copies of a block", repeats), ("levels", nesting))
    )
    http = table(("workers", "ResNet-50 a second"), ((str(w.workers), f"{w.per_second:,.0f}") for w in workers))
    put("scaling", f"{machine()}\n\n{each}\n{rest}\n{http}")


def memory(found: Sequence[Memory], first_answer: float) -> None:
    rows = ((f"{each.requests:,}", f"{each.pss / 1e6:.1f} MB") for each in found)
    put(
        "memory",
        f"{table(('requests', 'a worker (PSS)'), rows)}\nThe first answer came {first_answer:.2f} s after the start.\n",
    )


def _chart(found: Sequence[Ratio]) -> str:
    """Bars of CPU, on a scale of powers of ten: the floor, and the service behind it."""
    least = log10(min(each.floor for each in found)) - 0.3
    most = log10(max(each.new for each in found)) + 0.1
    width, left, high = 560, 200, 34

    def length(seconds: float) -> float:
        return round((log10(seconds) - least) / (most - least) * width, 1)

    bars = []
    for number, each in enumerate(found):
        top = 30 + number * high
        bars.append(
            f'<text x="{left - 8}" y="{top + 16}" text-anchor="end">{escape(each.name)}</text>'
            f'<rect class="ours" x="{left}" y="{top}" width="{length(each.new)}" height="22" rx="2"/>'
            f'<rect class="floor" x="{left}" y="{top + 6}" width="{length(each.floor)}" height="10" rx="2"/>'
            f'<text x="{left + length(each.new) + 6}" y="{top + 16}">{each.times["new/floor"]:.1f} ×</text>'
        )
    total = 40 + len(found) * high
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {total}" role="img">'
        "<title>CPU a request, the floor within the service, on a logarithmic scale</title>"
        "<style>text{font:13px system-ui,sans-serif;fill:#222}.ours{fill:#8ab4d8}.floor{fill:#1f4e79}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.ours{fill:#4a7ba6}.floor{fill:#cfe3f5}}</style>"
        f'<text x="{left}" y="18">CPU a request, logarithmic: the floor within the service</text>'
        f"{''.join(bars)}</svg>\n"
    )
