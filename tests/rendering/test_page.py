"""The page that stands alone: nothing in it is from elsewhere, and no name leaves the data."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from paramcount.analysis.compare import compare
from paramcount.model.report import Report
from paramcount.rendering import HTML, comparison
from paramcount.rendering.json import as_json
from paramcount.rendering.page import SCRIPTS, WEB, as_page
from tools.cases.reports import ALL, dense, keras_resnet, model, report


class Page(HTMLParser):
    """The elements of a page, with what is in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1][2].append(data)

    def text(self, tag: str, **attributes: str) -> str:
        (text,) = [
            "".join(t) for name, attrs, t in self.elements if name == tag and attributes.items() <= attrs.items()
        ]
        return text


@pytest.mark.parametrize("shown", ALL.values(), ids=ALL)
def test_it_holds_the_report_and_nothing_from_elsewhere(shown: Report) -> None:
    html = as_page(shown, as_json(shown))
    page = Page(html)
    assert json.loads(page.text("script", id="data"))["report"] == json.loads(json.dumps(as_json(shown)))
    addresses = [attrs.get(name) for _, attrs, _ in page.elements for name in ("src", "href") if name in attrs]
    assert addresses == ["data:,"]
    assert [tag for tag, _, _ in page.elements].count("script") == 2
    outside = re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", outside)


def test_no_script_but_that_of_the_page_runs() -> None:
    html = as_page(ALL["odd"], as_json(ALL["odd"]))
    (script,) = re.findall(r"<script>(.*)</script>", html, re.DOTALL)
    policy = next(attrs["content"] or "" for _, attrs, _ in Page(html).elements if attrs.get("http-equiv"))
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';")


def test_without_scripts_it_is_a_table() -> None:
    html = as_page(report(model(dense("first"), name="<b>")), {})
    assert "<title>&lt;b&gt;: parameters</title>" in html
    assert ">first</td>" in html


def test_the_scripts_are_there_with_their_licences() -> None:
    assert {path.name for path in WEB.iterdir()} == {*SCRIPTS, "standalone.js", "page.css", "NOTICE"}
    assert "preact 10." in (WEB / "NOTICE").read_text()
    assert not [name for name in SCRIPTS if re.search(r"</script|\beval\(|new Function", (WEB / name).read_text())]


def test_a_comparison_is_a_page_too() -> None:
    compared = compare(keras_resnet(), keras_resnet(("*", False)))
    page = Page(comparison.COMPARISONS[HTML](compared, ("a.json", "b.json")))
    data = json.loads(page.text("script", id="data"))
    assert data["comparison"]["difference"]["trainable"] == -25_583_592
    assert data["after"]["totals"]["trainable"] == 0
    assert "Before: a.json: resnet50 (keras)" in page.text("pre")
