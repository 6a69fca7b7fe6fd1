"""The page: what comes in, what is shown, what is asked of it, and the service around it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tools.browser.conftest import Open
from tools.browser.sparse import write_pt, write_safetensors
from tools.instance import Instance

MODEL: dict[str, Any] = {
    "framework": "keras",
    "name": "small",
    "input_shape": [8],
    "layers": [
        {"type": "Block", "name": "body", "layers": [
            {"type": "Dense", "name": "one", "units": 64}, {"type": "BatchNormalization", "name": "norm"},
            {"type": "Dense", "name": "two", "units": 64},
        ]},
        {"type": "Dense", "name": "head", "units": 2},
    ],
}  # fmt: skip

DROP = """([files]) => {
  const transfer = new DataTransfer();
  const decode = (data) => Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  for (const [name, data] of files) transfer.items.add(new File([decode(data)], name));
  document.querySelector(".drop").dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
}"""

ENDINGS = {"native": "json", "huggingface": "json", "keras": "json", "tensors": "json", "torch": "txt"}


def count_in_page(page: Page, document: Any) -> None:
    """Paste a document, and wait for its report."""
    page.locator("textarea").first.fill(document if isinstance(document, str) else json.dumps(document))
    page.get_by_role("button", name="Count", exact=True).first.click()
    expect(page.locator(".record")).to_be_visible()


def shown_total(page: Page) -> int:
    return int(page.locator(".record strong").get_attribute("data-total") or "")


def shown_part(page: Page, part: str) -> int:
    return int(page.locator(f"[data-part={part}]").inner_text().replace(",", ""))


def ask(service: Instance, document: Any, **query: Any) -> dict[str, Any]:
    answer = requests.post(f"{service.url}/v1/count", params=query, json=document, timeout=60)
    report: dict[str, Any] = answer.json()
    return report


def formats(service_url: str) -> dict[str, Any]:
    listed = requests.get(f"{service_url}/v1/formats", timeout=60).json()["formats"]
    return {each["format"]: each["example"] for each in listed}


def test_every_format_is_dropped(open_page: Open, service: Instance) -> None:
    for name, example in formats(service.url).items():
        is_file = isinstance(example, dict) and "base64" in example
        text = example if isinstance(example, str) else json.dumps(example)
        data = example["base64"] if is_file else base64.b64encode(text.encode()).decode()
        page = open_page()
        page.evaluate(DROP, [[(f"model.{ENDINGS.get(name, name)}", data)]])
        expect(page.locator(".record")).to_be_visible()
        report = requests.post(
            f"{service.url}/v1/count",
            files={"file": (f"model.{ENDINGS.get(name, name)}", base64.b64decode(data))},
            timeout=60,
        ).json()
        assert shown_total(page) == (report["parameters"]["total"] or report["totals"]["total"]), name
        page.context.close()


def test_examples_are_there_to_click(open_page: Open, service: Instance) -> None:
    page = open_page()
    page.get_by_role("button", name="keras", exact=True).click()
    expect(page.locator(".record")).to_contain_text("parameters")
    assert len(formats(service.url)) == len(page.locator(".input").first.locator("button").all()) - 3


@pytest.mark.parametrize(
    ("name", "write", "size"),
    [("large.safetensors", write_safetensors, 10 * 2**30), ("large.pt", write_pt, 2 * 2**30)],
)
def test_of_a_large_file_little_is_sent(
    open_page: Open, tmp_path: Path, name: str, write: Callable[[Path], int], size: int
) -> None:
    file = tmp_path / name
    parameters = write(file)
    assert file.stat().st_size >= size
    page = open_page()
    bodies: list[Any] = []
    page.on("requestfinished", lambda request: bodies.append(request) if request.method == "POST" else None)
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.locator(".record")).to_be_visible(timeout=30_000)
    assert shown_total(page) == parameters
    assert sum(request.sizes()["requestBodySize"] for request in bodies) < 400_000
    stated = re.search(r"sent ([\d,]+) of ([\d,]+) bytes in \d requests", page.locator(".status").inner_text())
    assert stated is not None
    sent, whole = (int(number.replace(",", "")) for number in stated.groups())
    assert sent < 300_000
    assert whole == file.stat().st_size


def test_a_folder_is_one_model(open_page: Open, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    parameters = write_safetensors(folder / "model.safetensors", 2**20)
    (folder / "README.md").write_text("# A model")
    page = open_page()
    page.locator("input[type=file]").nth(1).set_input_files(folder)
    expect(page.locator(".record")).to_be_visible(timeout=20_000)
    assert shown_total(page) == parameters


def test_a_wrong_document_is_explained(open_page: Open) -> None:
    page = open_page()
    page.locator("textarea").first.fill('{"framework": "keras", "layers": [{"type": "Dens"}]}')
    page.get_by_role("button", name="Count", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text('did you mean "Dense"?')


# What if


def test_what_if_counts_as_the_service_does(open_page: Open, service: Instance) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    page.get_by_role("button", name="Freeze body", exact=True).click()
    page.get_by_role("button", name="Train body.norm", exact=True).click()
    report = ask(service, MODEL, freeze="body", train="body.norm")
    expect(page.locator("[data-part=trains]")).to_have_text(f"{report['totals']['trainable']:,}")
    assert shown_part(page, "frozen") + shown_part(page, "buffers") == report["totals"]["frozen"]
    assert shown_total(page) == report["totals"]["total"]
    page.get_by_label("Layers", exact=True).fill("type:Dense")
    page.get_by_role("button", name="Freeze", exact=True).click()
    rules = {"trainable": [
        {"match": "body", "trainable": False}, {"match": "body.norm", "trainable": True},
        {"match": "type:Dense", "trainable": False},
    ]}  # fmt: skip
    report = ask(service, {"architecture": MODEL, **rules})
    expect(page.locator("[data-part=trains]")).to_have_text(f"{report['totals']['trainable']:,}")
    page.get_by_role("button", name="Clear rules").click()
    expect(page.locator("[data-part=frozen]")).to_have_text("0")
    page.get_by_label("Train with").select_option("adamw")
    memory = ask(service, MODEL, optimizer="adamw")["training"]["total"]
    expect(page.get_by_label("Training memory")).to_contain_text("Memory to train")
    assert memory


def test_what_trains_is_seen_however_little_it_is(open_page: Open, examples: Path) -> None:
    page = open_page()
    count_in_page(page, (examples / "transfer-learning-keras.json").read_text())
    box = page.locator(".track .trains").bounding_box()
    assert box is not None
    assert box["width"] >= 4
    expect(page.get_by_role("region", name="What trains")).to_contain_text("0.00982 %")
    expect(page.locator(".picture text", has_text="dense").first).to_be_visible()


def test_an_adapter_is_counted_beside_its_base(open_page: Open, service: Instance) -> None:
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
              "intermediate_size": 128, "num_attention_heads": 4, "vocab_size": 100}  # fmt: skip
    adapter = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    page = open_page()
    count_in_page(page, config)
    page.get_by_text("An adapter beside it").click()
    page.get_by_label("or its text").fill(json.dumps(adapter))
    page.get_by_role("button", name="Count with it").click()
    report = ask(service, {"architecture": config, "adapter": adapter})
    expect(page.locator("[data-part=trains]")).to_have_text(f"{report['totals']['trainable']:,}")


# The answer


def test_a_layer_is_explained_with_its_source(open_page: Open) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    page.locator(".rows .row").nth(1).click()
    detail = page.locator(".layer-detail")
    expect(detail).to_contain_text("kernel 8×64 + bias 64")
    expect(detail).to_contain_text("Source: keras.layers.Dense.")
    assert (page.locator(".box.active title").text_content() or "").startswith("2 layers: one … norm: 832 parameters")


def test_the_table_folds_sorts_and_searches(open_page: Open) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    names = page.locator(".rows .name")
    assert names.all_inner_texts() == ["body", "one", "norm", "two", "head"]
    page.get_by_role("button", name="Parameters", exact=True).click()
    assert names.all_inner_texts() == ["body", "two", "one", "norm", "head"]
    page.get_by_role("button", name="Fold all", exact=True).click()
    assert names.all_inner_texts() == ["body", "head"]
    page.get_by_label("Search").fill("batchnorm")
    assert names.all_inner_texts() == ["body", "norm"]


def test_the_picture_zooms_and_changes_its_colours(open_page: Open) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    page.locator(".box", has_text="body").first.dblclick()
    expect(page.get_by_role("navigation", name="small: zoomed to")).to_contain_text("body")
    page.get_by_label("Colour").select_option("type")
    expect(page.locator(".legend")).to_contain_text("BatchNormalization")
    page.get_by_label("Colour").select_option("dtype")
    expect(page.locator(".legend")).to_contain_text("F32")


def test_two_models_are_compared(open_page: Open) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    page.get_by_text("Compare with another model").click()
    other = json.loads(json.dumps(MODEL))
    other["layers"][1]["units"] = 5
    page.locator("textarea").last.fill(json.dumps(other))
    page.get_by_role("button", name="Count", exact=True).last.click()
    comparison = page.get_by_label("Comparison", exact=True)
    expect(comparison).to_contain_text("resized +195")
    assert len(comparison.locator(".picture").all()) == 2
    assert (comparison.locator(".box.marked title").first.text_content() or "").startswith("head")


def test_it_is_saved_and_copied(open_page: Open, service: Instance) -> None:
    page = open_page()
    count_in_page(page, MODEL)
    for name, begin in (
        ("JSON", '{"name":"small"'),
        ("CSV", '"level","path"'),
        ("SVG", "<svg"),
        ("Markdown", "## Parameters"),
        ("HTML", "<!doctype"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        saved = Path(download.value.path()).read_text()
        assert saved.startswith(begin)
        if name == "JSON":
            assert json.loads(saved) == ask(service, MODEL)
    for language, begin in (("curl", "curl -s '"), ("Python", "import requests"), ("TypeScript", "import {")):
        page.get_by_role("button", name=language, exact=True).click()
        expect(page.locator("pre")).to_contain_text(begin)
        expect(page.locator("pre")).to_contain_text(f"{service.url}/v1/count")


def test_the_saved_page_needs_no_service(open_page: Open, service: Instance, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    answer = requests.post(f"{service.url}/v1/count", json=MODEL, headers={"Accept": "text/html"}, timeout=60)
    file.write_bytes(answer.content)
    page = open_page(file.as_uri(), offline=True)
    assert shown_total(page) == ask(service, MODEL)["totals"]["total"]
    page.locator(".rows .row").nth(3).click()
    expect(page.locator(".layer-detail")).to_contain_text("kernel 64×64 + bias 64")


# The service around it


def test_a_token_is_kept_in_memory_only(open_page: Open, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"person:{sha256(b'secret').hexdigest()}\n")
    with Instance(workers=1, settings={"PARAMCOUNT_TOKENS_FILE": tokens}) as guarded:
        page = open_page(f"{guarded.url}/")
        page.get_by_label("Token").fill("secret")
        page.get_by_label("Token").blur()
        expect(page.get_by_role("button", name="keras", exact=True)).to_be_visible()
        count_in_page(page, MODEL)
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.get_by_role("button", name="curl", exact=True).click()
        assert "secret" not in page.locator("pre").inner_text()
        docs = open_page(f"{guarded.url}/docs")
        expect(docs.get_by_text("/v1/count", exact=True).first).to_be_visible(timeout=20_000)


def test_under_a_base_path(open_page: Open) -> None:
    with Instance(workers=1, settings={"PARAMCOUNT_BASE_PATH": "/tools/count"}) as based:
        page = open_page(f"{based.url}/tools/count")
        page.get_by_role("button", name="native", exact=True).click()
        expect(page.locator(".record")).to_be_visible()
