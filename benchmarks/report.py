"""Tables and a chart of the measurements, written into docs/performance.md."""

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
    """Describe the machine: Python, cores, architecture, load."""
    cores = len(os.sched_getaffinity(0))
    return f"Python {platform.python_version()}, {cores} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}."


def put(name: str, text: str) -> None:
    """Replace the text between the marks of that name on the page."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    _, mark, after = rest.partition(end)
    assert mark, f"{PAGE.name} has no {begin.strip()}"
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def floor(ratios: Sequence[Ratio]) -> None:
    """Write the table and the chart of requests against the floor."""
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
        for each in ratios
    )
    head = (
        *("request", "bytes in", "out", "bare Flask", "floor", "new", "of the floor", "of bare"),
        *("other sizes", "of the floor", "again", "of the floor", "noise", "new a second", "the first"),
    )
    put("floor", f"{machine()}\n\n{table(head, rows)}")
    CHART.write_text(_chart(ratios))


def peers(measured: Sequence[Peer]) -> None:
    """Write the table of the peers."""
    rows = (
        (
            each.name,
            each.what,
            f"{each.peer.seconds * 1e3:,.2f} ms",
            f"{each.core.seconds * 1e3:,.3f} ms",
            f"**{_ratio(each.peer.seconds / each.core.seconds)} ×**",
            f"{each.peer.imports:.1f} s, {each.core.imports:.1f} s",
            f"{each.peer.memory / 1e6:,.0f} MB, {each.core.memory / 1e6:,.0f} MB",
        )
        for each in measured
    )
    head = ("peer", "counts", "takes", "paramcount", "ratio", "imports", "memory")
    put("peers", f"{machine()}\n\n{table(head, rows)}")


def _ratio(times: float) -> str:
    return f"{times:,.0f}" if times >= 10 else f"{times:.2g}"


def scaling(
    layers: Sequence[Layers], repeats: Sequence[Point], nesting: Sequence[Point], workers: Sequence[Throughput]
) -> None:
    """Write the tables of layers, repeats, nesting and workers."""
    each = table(
        ("layers", "user time", "kernel time", "a layer", "ratio to 1,000 layers", "ratio of user time"),
        (
            (
                f"{p.size:,}",
                f"{p.user * 1e3:,.2f} ms",
                f"{p.kernel * 1e3:,.2f} ms",
                f"{(p.user + p.kernel) / p.size * 1e6:.1f} µs",
                f"{p.ratio:.2f} ×",
                f"{p.user_ratio:.2f} ×",
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


def memory(samples: Sequence[Memory], first_answer: float) -> None:
    """Write the table of a worker's memory, and the time from start to first answer."""
    rows = ((f"{each.requests:,}", f"{each.pss / 1e6:.1f} MB") for each in samples)
    put(
        "memory",
        f"{table(('requests', 'a worker (PSS)'), rows)}\nThe first answer came {first_answer:.2f} s after the start.\n",
    )


def _chart(ratios: Sequence[Ratio]) -> str:
    """Return an SVG of CPU bars on a logarithmic scale: the floor, and the service behind it."""
    least = log10(min(each.floor for each in ratios)) - 0.3
    most = log10(max(each.new for each in ratios)) + 0.1
    width, left, high = 560, 200, 34

    def length(seconds: float) -> float:
        return round((log10(seconds) - least) / (most - least) * width, 1)

    bars = []
    for number, each in enumerate(ratios):
        top = 30 + number * high
        bars.append(
            f'<text x="{left - 8}" y="{top + 16}" text-anchor="end">{escape(each.name)}</text>'
            f'<rect class="ours" x="{left}" y="{top}" width="{length(each.new)}" height="22" rx="2"/>'
            f'<rect class="floor" x="{left}" y="{top + 6}" width="{length(each.floor)}" height="10" rx="2"/>'
            f'<text x="{left + length(each.new) + 6}" y="{top + 16}">{each.times["new/floor"]:.1f} ×</text>'
        )
    total = 40 + len(ratios) * high
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {total}" role="img">'
        "<title>CPU a request, the floor within the service, on a logarithmic scale</title>"
        "<style>text{font:13px system-ui,sans-serif;fill:#222}.ours{fill:#8ab4d8}.floor{fill:#1f4e79}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.ours{fill:#4a7ba6}.floor{fill:#cfe3f5}}</style>"
        f'<text x="{left}" y="18">CPU a request, logarithmic: the floor within the service</text>'
        f"{''.join(bars)}</svg>\n"
    )
