"""paramcount compare."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
TRANSFER = str(ROOT / "examples/transfer-learning-keras.json")


def test_thawing(run: Run) -> None:
    ran = run("compare", TRANSFER, TRANSFER, "--train-after", "xception")
    assert ran.status == 0
    assert "Trainable                2,049          20,809,001         +20,806,952" in ran.out
    both = run("compare", TRANSFER, TRANSFER, "--train", "xception", "--as", "json").json
    assert both["before"]["totals"]["trainable"] == both["after"]["totals"]["trainable"] == 20_809_001


def test_the_sides_are_named(run: Run, model: str) -> None:
    lines = run("compare", model, model).out.splitlines()
    assert lines[:5] == [
        f"Before: {model}: model (native)",
        f"After:  {model}: model (native)",
        "Both are counted in the keras convention.",
        "",
        "No difference.",
    ]


def test_status_as_of_diff(run: Run, model: str) -> None:
    assert run("compare", model, model, "--exit-code").status == 0
    assert run("compare", model, model, "--exit-code", "--freeze-after", "hidden").status == 1
    assert run("compare", model, model, "--freeze-after", "hidden").status == 0


def test_of_a_file_with_standard_input(run: Run, model: str) -> None:
    assert run("compare", model, "-", "--exit-code", stdin=Path(model).read_bytes()).status == 0


def test_refused(run: Run, model: str) -> None:
    for arguments, message in (
        (["-", "-"], "not both"),
        ([model], "AFTER"),
        ([model, "/absent"], "/absent: No such file"),
        ([model, model, "--as", "svg"], "--as"),
        ([model, model, "--freeze-after", "last:"], "needs a number of layers"),
    ):
        ran = run("compare", *arguments)
        assert ran.status == 2
        assert message in ran.err
        assert not ran.out


def test_as_markdown(run: Run, model: str) -> None:
    assert (
        "| Trainable | 21 | 5 | -16 |"
        in run("compare", model, model, "--freeze-after", "hidden", "--as", "markdown").out
    )


def test_exact(run: Run, tmp_path: Path, model: str) -> None:
    unknown = tmp_path / "unknown.json"
    unknown.write_text('{"framework": "keras", "input_shape": [3], "layers": [{"type": "Mystery"}]}')
    assert run("compare", model, str(unknown), "--unknown", "report", "--exact").status == 1
    assert run("compare", model, model, "--exact").status == 0
