"""The page: who can use it, on which screen, and with how many rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tools.browser.__main__ import AXE
from tools.browser.conftest import Open
from tools.browser.test_page import MODEL, ask, count_in_page
from tools.instance import Instance


def find_violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
        for each in results["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_axe_finds_no_violation(open_page: Open, examples: Path, scheme: str, width: int) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    expect(page.get_by_role("button", name="keras", exact=True)).to_be_visible()
    assert find_violations(page) == []
    count_in_page(page, (examples / "resnet50-torch.txt").read_text())
    page.get_by_label("Layers", exact=True).fill("layer1.*")
    page.get_by_role("button", name="Freeze", exact=True).click()
    page.locator(".rows .row").nth(2).click()
    page.get_by_role("button", name="curl", exact=True).click()
    page.get_by_label("Colour").select_option("type")
    page.get_by_text("Compare with another model").click()
    page.locator("textarea").last.fill((examples / "resnet50-keras.json").read_text())
    page.get_by_role("button", name="Count", exact=True).last.click()
    expect(page.get_by_label("Comparison", exact=True)).to_be_visible(timeout=20_000)
    assert find_violations(page) == []


@pytest.mark.parametrize(("width", "scale"), [(1300, 1), (650, 2), (390, 3), (320, 4), (2560, 1)])
def test_nothing_is_beside_the_window(open_page: Open, examples: Path, width: int, scale: int) -> None:
    """650 pixels is a window of 1300 at 200 %."""
    page = open_page(viewport={"width": width, "height": 700}, device_scale_factor=scale)
    count_in_page(page, (examples / "resnet50-keras.json").read_text())
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_with_the_keyboard_alone(open_page: Open, service: Instance) -> None:
    page = open_page()
    press = page.keyboard.press

    def tab_to(selector: str) -> None:
        for _ in range(60):
            press("Tab")
            if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached")

    tab_to("textarea")
    page.keyboard.insert_text(json.dumps(MODEL))
    press("Control+Enter")
    expect(page.get_by_role("region", name="Result")).to_be_focused()
    tab_to("[role=treegrid]")
    press("ArrowDown")
    expect(page.locator(".rows .row.active .name")).to_have_text("one")
    press("f")
    report = ask(service, MODEL, freeze="body.one")["totals"]
    expect(page.locator("[data-part=trains]")).to_have_text(f"{report['trainable']:,}")
    press("ArrowLeft")
    press("ArrowLeft")
    expect(page.locator(".rows .name")).to_have_text(["body", "head"])
    press("ArrowRight")
    press("End")
    expect(page.locator(".layer-detail h3")).to_have_text("head")
    page.locator("[role=tree]").focus()
    press("Home")
    press("Enter")
    expect(page.get_by_role("navigation", name="small: zoomed to")).to_contain_text("body")
    press("Escape")
    expect(page.get_by_role("navigation", name="small: zoomed to")).not_to_contain_text("body")


FRAMES = """(pixels) => new Promise((done) => {
  const scroller = document.querySelector(".scroller");
  const times = [];
  const step = (now) => {
    times.push(now);
    if (pixels) scroller.scrollTop += pixels;
    if (times.length < 120) requestAnimationFrame(step);
    else done((times.length - 1) / (times.at(-1) - times[0]) * 1000);
  };
  requestAnimationFrame(step);
})"""


def test_a_hundred_thousand_rows_scroll_as_ten(open_page: Open) -> None:
    page = open_page()
    layers = [
        {"type": "Linear", "name": f"layer_{index}", "in_features": 9, "out_features": 9} for index in range(99_990)
    ]
    page.locator("textarea").first.evaluate(
        "(area, text) => (area.value = text)", json.dumps({"framework": "torch", "layers": layers})
    )
    page.locator("textarea").first.dispatch_event("input")
    page.get_by_role("button", name="Count", exact=True).click()
    expect(page.locator(".record")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("99,990 of 99,990 rows")).to_be_visible()
    assert len(page.locator(".rows .row").all()) < 60
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu_seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    for pixels in (30, 70, 400):
        began = cpu_seconds()
        rate = page.evaluate(FRAMES, pixels)
        milliseconds = (cpu_seconds() - began) * 1000 / 120
        print(f"{pixels} pixels a frame: {milliseconds:.1f} ms of CPU each, {rate:.0f} frames a second")
        assert milliseconds < 1000 / 60  # the machine may be busy with others: then there are fewer frames
    page.get_by_label("Search").fill("layer_99989")
    expect(page.locator(".rows .name")).to_have_text(["layer_99989"])
