"""paramcount count: its output and its exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from paramcount.cli.terminal import color_table
from paramcount.rendering.exports import EXPORTS
from tests.cli.conftest import Run, header

ROOT = Path(__file__).parents[2]
RESNET = str(ROOT / "examples/resnet50-keras.json")
PRINTED = str(ROOT / "examples/resnet50-torch.txt")


def test_rules(run: Run) -> None:
    ran = run("count", RESNET, "--freeze", "*", "--train", "predictions")
    assert ran.status == 0
    assert "25,636,712" in ran.out
    assert "2,049,000" in ran.out


def test_every_form(run: Run, model: str) -> None:
    assert "kernel 3×4 + bias 4" in run("count", model).out
    assert run("count", model, "--as", "json").json["totals"]["total"] == 21
    assert run("count", model, "--as", "markdown").out.startswith("## Parameters\n")
    assert run("count", model, "--as", "csv").out.startswith('"level","path","name"')
    assert run("count", model, "--as", "line").out.startswith("Model: 21 parameters, ")
    assert ET.fromstring(run("count", model, "--as", "svg").out).tag.endswith("svg")


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_exports(run: Run, model: str, name: str) -> None:
    assert run("count", model, "--export", name).json


def test_every_option_of_an_envelope(run: Run, model: str) -> None:
    options = ["--convention", "torch", "--dtype", "BF16", "--detail", "tensors", "--depth", "1", "--unknown", "report"]
    cost = ["--optimizer", "adamw", "--precision", "mixed"]
    report = run("count", model, "--format", "native", *options, *cost, "--as", "json").json
    assert report["convention"] == "torch"
    assert report["totals"]["bytes"] == 2 * 21
    assert report["layers"][0]["tensors"]
    assert report["training"]["precision"] == "mixed"
    text = run("count", model, "--detail", "totals", *cost).out
    assert "hidden" not in text
    assert "master weights" in text


def test_standard_input(run: Run, model: str) -> None:
    document = Path(model).read_bytes()
    assert "kernel 3×4 + bias 4" in run("count", "-", stdin=document).out
    assert "21" in run("count", "-", stdin=b"\xef\xbb\xbf" + document).out
    assert "21" in run("count", "-", stdin=document.decode().encode("utf-16")).out
    ran = run("count", "-", stdin=b"{}")
    assert ran.status == 2
    assert "standard input: is empty" in ran.err


def test_the_files_of_a_checkpoint_are_one(tmp_path: Path, run: Run) -> None:
    shards = []
    for n in (1, 2):
        path = tmp_path / f"model-0000{n}-of-00002.safetensors"
        path.write_bytes(header(f"layers.{n}.weight"))
        shards.append(str(path))
    for paths in (shards, [str(tmp_path)], [str(tmp_path / "*.safetensors")]):
        assert run("count", *paths, "--as", "json").json["totals"]["total"] == 12


def test_a_huge_file_is_read_no_further_than_its_header(tmp_path: Path, run: Run) -> None:
    size = 40 * 2**30  # no disk has a block of it
    text = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + size)
    assert run("count", str(path), "--as", "json").json["totals"]["total"] == size


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"input_shape": [3], "layers": [{"type": "Dens"}]}',
            '#/layers/0/type: "Dens" is an unknown layer type; did you mean',
        ),
        ("just words", "in no format"),
        ("{}", "is empty"),
        ("", "is empty"),
    ],
)
def test_a_file_that_is_refused(tmp_path: Path, run: Run, content: str, message: str) -> None:
    (tmp_path / "model").write_text(content)
    ran = run("count", str(tmp_path / "model"))
    assert ran.status == 2
    assert f"paramcount: {tmp_path / 'model'}" in ran.err
    assert message in ran.err
    assert not ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/absent"], "/absent: No such file or directory"),
        (["models.ndjson"], "for paramcount batch"),
        ([RESNET, "--freeze", "first:"], "needs a number of layers"),
        ([RESNET, "--format", "kears"], 'did you mean "keras"?'),
        ([RESNET, "--depth", "0"], "--depth: must be at least 1"),
        ([RESNET, "--as", "pdf"], "--as"),
        ([RESNET, "--as", "json", "--export", "mlflow"], "not allowed with"),
        ([RESNET, "--export", "nowhere"], "--export"),
        ([RESNET, "--optimizer", "adamm"], "--optimizer"),
        ([RESNET, "--dtype", "floaty"], "--dtype"),
        ([RESNET, "--max-total", "many"], "is no number of parameters"),
        ([RESNET, "--max-total", "-1"], "is no number of parameters"),
        ([RESNET, "--max-total", "nan"], "is no number of parameters"),
        ([RESNET, "--max", "1"], "count has no option --max"),
        ([], "FILE"),
    ],
)
def test_refused(run: Run, arguments: list[str], message: str) -> None:
    ran = run("count", *arguments)
    assert ran.status == 2
    assert message in ran.err
    assert not ran.out


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        (["--max-total", "21"], 0),
        (["--max-total", "20"], 1),
        (["--max-total", "1e6"], 0),
        (["--max-total", "0.02K"], 1),
        (["--max-total", "1,000"], 0),
        (["--max-trainable", "5", "--freeze", "hidden"], 0),
        (["--max-trainable", "4", "--freeze", "hidden"], 1),
        (["--max-total", "1e999999"], 0),
        (["--exact"], 0),
    ],
)
def test_checks(run: Run, model: str, checks: list[str], status: int) -> None:
    ran = run("count", model, *checks)
    assert ran.status == status
    assert ("more than the" in ran.err) == (status == 1)
    assert "kernel 3×4 + bias 4" in ran.out


def test_checks_of_an_inexact_count(run: Run) -> None:
    layers = [{"type": "Dense", "units": 4}, {"type": "Mystery", "name": "m"}]
    document = json.dumps({"framework": "keras", "input_shape": [3], "layers": layers}).encode()
    ran = run("count", "-", "--unknown", "report", "--exact", stdin=document)
    assert ran.status == 1
    assert '"Mystery" is an unknown layer type' in ran.err
    ran = run("count", "-", "--unknown", "report", "--max-total", "1M", stdin=document)
    assert ran.status == 0
    assert "only what could be seen" in ran.err


def test_colors() -> None:
    text = "Trainable  5\n"
    assert color_table(text, "always") == "\x1b[32mTrainable  5\x1b[0m\n"
    assert color_table(text, "auto") == color_table(text, "never") == text  # stdout is no terminal


@pytest.mark.parametrize(("variables", "colors"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_has_colors(variables: dict[str, str], colors: bool) -> None:
    terminal, child_end = pty.openpty()
    command = [sys.executable, "-m", "paramcount", "count", RESNET, "--detail", "totals"]
    subprocess.run(command, stdout=child_end, check=True, env={"TERM": "xterm", **variables})
    os.close(child_end)
    output = os.read(terminal, 10_000)
    os.close(terminal)
    assert b"25,636,712" in output
    assert (b"\x1b[" in output) == colors


def test_a_setting_limits_the_layers(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMCOUNT_MAX_LAYERS", "1")
    assert "more than the 1 layers" in run("count", model).err
    monkeypatch.setenv("PARAMCOUNT_MAX_LAYERS", "few")
    assert "PARAMCOUNT_MAX_LAYERS: Expected `int`" in run("count", model).err


def test_layers(run: Run) -> None:
    output = run("layers").out
    assert "keras.Dense" in output
    assert "torch.Linear" in output
    assert "lowrank.LowRankDense" in output


def test_as_a_command() -> None:
    command = [sys.executable, "-m", "paramcount", "count", PRINTED, "--as", "json", "--max-trainable", "1e7"]
    ran = subprocess.run(command, capture_output=True, check=False, env={"LC_ALL": "C"})
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["totals"]["total"] == 25_557_032
    assert ran.stderr.decode().count("\n") == 1


def test_a_reader_may_close_the_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "paramcount", "count", RESNET]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert ran.returncode == 141
    assert not ran.stderr


def test_an_adapter(run: Run, tmp_path: Path) -> None:
    model, adapter = tmp_path / "config.json", tmp_path / "adapter_config.json"
    model.write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 2}))
    adapter.write_text(json.dumps({"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}))
    trained = 2 * 4 * (4096 + 4096)
    for name in (adapter, tmp_path):
        report = run("count", str(model), "--adapter", str(name), "--as", "json").json
        assert report["totals"]["trainable"] == trained
    assert run("count", str(model), "--adapter", str(adapter), "--max-trainable", "10").status == 1
    compared = run("compare", str(model), str(model), "--adapter-after", str(adapter), "--as", "json").json
    assert compared["difference"]["total"] == trained
    lines = run("batch", str(model), "--adapter", str(adapter)).out.splitlines()
    assert json.loads(lines[0])["totals"]["trainable"] == trained


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"peft_type": "LORAX"}', "no method of PEFT"), ("[]", "is an object"), ("{", "JSON"), (None, "No such file")],
)
def test_no_adapter(run: Run, tmp_path: Path, text: str | None, message: str) -> None:
    model, adapter = tmp_path / "config.json", tmp_path / "adapter.json"
    model.write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))
    if text is not None:
        adapter.write_text(text)
    ran = run("count", str(model), "--adapter", str(adapter))
    assert ran.status == 2
    assert message in ran.err


def test_an_error_is_printed_on_one_line_without_control_characters(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text('{"layers": [{"type": "\\u001b[31mNope\\u0007\\r\\n::error::x"}]}')
    ran = subprocess.run([sys.executable, "-m", "paramcount", "count", str(file)], capture_output=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.decode().rstrip("\n").isprintable()


@pytest.mark.parametrize("command", ["##vso[task.setvariable variable=a]b", "##[add-mask]a", "::error::a"])
def test_an_error_is_no_command_to_a_ci(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"layers": [{"type": command}]}))
    lines = run("count", str(tmp_path / "model.json")).err.splitlines()
    assert any("a" in line for line in lines)
    assert not any("##vso[" in line or "##[" in line or line.lstrip().startswith("::") for line in lines)
