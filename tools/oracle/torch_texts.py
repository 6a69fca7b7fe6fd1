"""The reader of print(model) against real texts that were cut, wrapped, joined, prefixed, or lost lines on their way.

    python -m tools.oracle.torch_texts [NUMBER [SEED]]     (default: 2,000 texts)

Each text must give what torch counts, a problem, or a count that is not exact; never another count that is.
"""

from __future__ import annotations

import json
import random
import re
import sys
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from paramcount.counting.count import count
from paramcount.formats.torch import torch as read_text
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.schema.registry import load_plugins
from tools.cases.layers import cases
from tools.oracle.torch_layers import build, import_libraries, random_model
from tools.oracle.torch_models import without_weights

VISION = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "vgg11",
    "vgg16_bn",
    "vit_b_16",
    "wide_resnet50_2",
    "deeplabv3_resnet50",
    "fcn_resnet50",
    "lraspp_mobilenet_v3_large",
    "fasterrcnn_resnet50_fpn",
    "ssd300_vgg16",
    "retinanet_resnet50_fpn",
    "r3d_18",
]

UNSUITED = ("torch.FrozenBatchNorm2d", "torch.LinearCrossEntropyLoss")
"""Cases that print nothing which is left out, or nothing at all without their child."""

Change = Callable[[random.Random, str], str]


def cut_end(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(1, len(text))]


def cut_start(chance: random.Random, text: str) -> str:
    return text[chance.randrange(1, len(text)) :]


def cut_both(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    first, last = sorted(chance.choices(range(len(lines) + 1), k=2))
    return "\n".join(lines[first:last])


def cut_middle(chance: random.Random, text: str) -> str:
    """Cut out a run of characters from within a line to its end; a whole line would leave another model's print."""
    start = chance.randrange(len(text))
    start = next((at for at in range(start, len(text)) if text[at - 1] not in " \n"), start)
    end = text.find("\n", start)
    return text[:start] + text[end + 1 :] if end >= 0 else text[:start]


def wrap(chance: random.Random, text: str) -> str:
    """Break lines at a width, within words."""
    width = chance.randint(10, 110)
    return "\n".join(line[at : at + width] for line in text.split("\n") for at in range(0, len(line) or 1, width))


def wrap_words(chance: random.Random, text: str) -> str:
    width = chance.randint(30, 110)
    return "\n".join("\n".join(textwrap.wrap(line, width, drop_whitespace=chance.random() < 0.5) or [""])
                     for line in text.split("\n"))  # fmt: skip


def break_once(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text))
    return text[:at] + chance.choice(("\n", "\n    ", " \\\n")) + text[at:]


def join_lines(chance: random.Random, text: str) -> str:
    """Lose some line breaks, or all."""
    share, between = chance.choice((0.02, 0.2, 1)), chance.choice(("", " "))
    return re.sub("\n *", lambda match: between if chance.random() < share else match[0], text)


def indent(chance: random.Random, text: str) -> str:
    prefix = chance.choice(("    ", "\t", "> ", "# ", "  1 | ", "INFO:root:", "│ "))
    return textwrap.indent(text, prefix)


def dedent(_: random.Random, text: str) -> str:
    return re.sub(r"(?m)^ +", "", text)


def shake(chance: random.Random, text: str) -> str:
    """Give some lines another indentation."""
    return re.sub(r"(?m)^ +", lambda match: match[0] if chance.random() < 0.9 else " " * chance.randint(0, 8), text)


def log(chance: random.Random, text: str) -> str:
    second = iter(range(10**6))
    lines = [
        f"2026-01-02 03:04:{next(second):02},{chance.randrange(1000)} INFO train: {line}" for line in text.split("\n")
    ]
    for _ in range(chance.randint(0, 2)):
        lines.insert(
            chance.randint(0, len(lines)), chance.choice(("epoch 1 (of 3)", "WARNING: cuda", "loss: Mean(0.3)"))
        )
    return "\n".join(lines)


def surround(chance: random.Random, text: str) -> str:
    before = chance.choice(
        (">>> print(model)\n", "Using device: cpu\n", "model = ", "Model:\n\n", "Namespace(lr=0.1)\n")
    )
    after = chance.choice(
        ("\n>>> ", "\nTotal parameters: 1,234", "\nAdam (\nParameter Group 0\n    lr: 0.1\n)", " # end", "")
    )
    return before + text + after


def method(_: random.Random, text: str) -> str:
    return f"<bound method Module.parameters of {text}>"


def comment(chance: random.Random, text: str) -> str:
    return re.sub(r"(?m)(?<=[()])$", lambda _: "  # Linear(2, 3)?" if chance.random() < 0.1 else "", text)


def blanks(chance: random.Random, text: str) -> str:
    """A blank before brackets, as torch 0.2 wrote, or none after colons."""
    if chance.random() < 0.5:
        return re.sub(r"(?m)(?<=\w)\((?=.*\)$|$)", " (", text)
    return text.replace("): ", "):")


def escape(chance: random.Random, text: str) -> str:
    written = chance.choice((json.dumps, repr))(text)
    return chance.choice((written, written[1:-1], f'{{"lr": 0.1, "model": {written}}}', json.dumps(written)))


def remove_structure(chance: random.Random, text: str) -> str:
    """Lose lines that open or close a module with children."""
    lines = text.split("\n")
    structure = [index for index, line in enumerate(lines) if line.endswith("(") or line.strip() == ")"]
    lost = set(chance.sample(structure, min(len(structure), chance.randint(1, 3))))
    return "\n".join(line for index, line in enumerate(lines) if index not in lost)


def ellipsis(chance: random.Random, text: str) -> str:
    """Put dots for some lines."""
    lines = text.split("\n")
    first, last = sorted(chance.choices(range(len(lines) + 1), k=2))
    return "\n".join([*lines[:first], chance.choice(("  ...", "...", "    …", "[...]", "# ...")), *lines[last:]])


HARMLESS: Sequence[Change] = (
    *(wrap, wrap_words, break_once, join_lines, indent, dedent, shake),
    *(log, surround, method, comment, blanks, escape),
)
"""Changes after which the text prints the same model, or is none."""

LOSSY: Sequence[Change] = (cut_end, cut_start, cut_both, cut_middle, remove_structure, ellipsis)


def delete(chance: random.Random, model: nn.Module) -> None:
    """Delete modules, so that the text lacks their lines."""
    for _ in range(chance.randint(1, 3)):
        parents = [module for module in model.modules() if any(True for _ in module.children())]
        if parents:
            parent = chance.choice(parents)
            delattr(parent, chance.choice([name for name, _ in parent.named_children()]))


def build_models(chance: random.Random, libraries: list[Any]) -> list[Callable[[], nn.Module]]:
    """Return builders of random models, and of models of torchvision."""
    replayed = [case for case in cases("torch") if not case.error and case.replay and case.type not in UNSUITED]
    leaves: list[Callable[[], nn.Module]] = [partial(build, case.type, case.config, libraries) for case in replayed]
    random_models: list[Callable[[], nn.Module]] = [
        partial(random_model, random.Random(chance.random()), leaves) for _ in range(60)
    ]
    try:
        from torchvision import models as vision  # noqa: PLC0415
    except ImportError:
        return random_models
    return [*random_models, *(partial(vision.get_model, name, **without_weights(name)) for name in VISION)]


def change_text(chance: random.Random, text: str, texts: Sequence[str]) -> tuple[str, str]:
    """Return a changed text, and what was done to it."""
    if chance.random() < 0.1:
        return chance.choice(("\n", "\n\n", ", ", "")).join((text, chance.choice(texts))), "two_models"
    lossy = chance.random() < 0.4
    changes = [chance.choice(LOSSY)] if lossy else chance.sample(HARMLESS, chance.choice((1, 1, 2)))
    for change in changes:
        text = change(chance, text)
    return text, "+".join(change.__name__ for change in changes)


def judge(text: str, total: int) -> str:
    """Return what comes of a text: exact, right, not exact, problem; WRONG."""
    try:
        report = count(read_text(text))
    except (Problems, ArchitectureError):
        return "problem"
    read = report.root.totals.trainable + report.root.totals.frozen
    if not report.exact:
        return "right" if read == total else "not exact"
    return "exact" if read == total else f"WRONG: reads {read}, has {total}"


def print_models(chance: random.Random) -> list[tuple[str, int]]:
    """Return the texts of models, as they are and with modules deleted, each with the number of its parameters."""
    models = []
    for builder in build_models(chance, import_libraries()):
        for damaged in (False, True):
            with torch.device("meta"):
                model = builder()
            if damaged:
                delete(chance, model)
            models.append((str(model), sum(parameter.numel() for parameter in model.parameters())))
    return models


def main() -> int:
    warnings.simplefilter("ignore")
    load_plugins()
    arguments = [int(argument) for argument in sys.argv[1:]]
    number, seed = (*arguments, *(2000, 0)[len(arguments) :])
    chance = random.Random(seed)
    models = print_models(chance)
    tally: Counter[str] = Counter()
    for _ in range(number):
        original, total = chance.choice(models)
        text, changes = change_text(chance, original, [text for text, _ in models])
        outcome = judge(text, total)
        tally[outcome.partition(":")[0]] += 1
        if outcome.startswith("WRONG"):
            print(f"{changes}: {outcome}: {text[:300]!r}", flush=True)
    print(dict(tally))
    print(f"{number - tally['WRONG']} passed, {tally['WRONG']} failed")
    return 1 if tally["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
