"""What else counts parameters, each in its best form, in a process of its own: imports apart, models built without
weights where the peer can. `python -m benchmarks.peers NAME` prints what was measured."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, repeat
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.bodies import LLAMA_70B, bert, resnet50, safetensors

LLAMA = json.dumps(LLAMA_70B).encode()
Count = Callable[[], int]
SECONDS = 3.0
"""How long a peer counts; the core does so before it and after it, since a machine is not always equally fast."""


class Measured(NamedTuple):
    """What one way to count took."""

    counted: int
    imports: float  # seconds
    seconds: float  # of one count, median
    memory: int  # bytes, the process' most


def ours(form: str, payload: bytes) -> Count:
    """Bytes in, bytes out: parsed, checked, read, counted, written as the service does."""
    return _ours(form, repeat(payload))


def never_met() -> Count:
    """The same of a config that has a token more each time: a row more in both embeddings."""
    vocabulary = b"%d" % LLAMA_70B["vocab_size"]
    run = _ours("huggingface", (LLAMA.replace(vocabulary, b"%d" % (int(vocabulary) + n)) for n in count()))
    more = count(step=2 * LLAMA_70B["hidden_size"])
    return lambda: run() - next(more)


def _ours(form: str, payloads: Iterator[bytes]) -> Count:
    import orjson

    from paramcount.counting.count import count
    from paramcount.formats.detect import read
    from paramcount.formats.source import Source
    from paramcount.model.document import Document
    from paramcount.rendering.json import as_json
    from paramcount.schema.registry import FORMATS, load_plugins

    load_plugins()
    gc.freeze()
    gc.disable()  # none of these makes as many objects as a worker waits for before it looks for garbage
    found = FORMATS[form]
    plain = found.media.startswith("text/")

    def document(payload: bytes) -> Document:
        if plain or form == "safetensors":
            return read(payload.decode() if plain else payload, found)
        return read(Source.from_json(payload), found)

    def run() -> int:
        answer = as_json(count(document(next(payloads))))
        orjson.dumps(answer)
        total: int = answer["totals"]["total"]
        return total

    return run


def keras() -> Count:
    """model_from_json and count_params, on the lightest backend that is installed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras as framework

    text = resnet50().decode()

    def run() -> int:
        framework.utils.clear_session()
        return int(framework.models.model_from_json(text).count_params())

    return run


def meta_device() -> Count:
    """A transformers model on torch's meta device, which allocates nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def run() -> int:
        with torch.device("meta"):
            model = LlamaForCausalLM(LlamaConfig(**LLAMA_70B))
        return sum(parameter.numel() for parameter in model.parameters())

    return run


def accelerate() -> Count:
    """What `accelerate estimate-memory` does once it has the config."""
    from accelerate import init_empty_weights
    from accelerate.utils import calculate_maximum_sizes
    from transformers import AutoModelForCausalLM, LlamaConfig

    def run() -> int:
        with init_empty_weights():
            model = AutoModelForCausalLM.from_config(LlamaConfig(**LLAMA_70B))
        calculate_maximum_sizes(model)
        return sum(parameter.numel() for parameter in model.parameters())

    return run


def torchinfo() -> Count:
    """summary() of a BERT that is built already."""
    import torch
    from torchinfo import summary
    from transformers import BertConfig, BertModel

    with torch.device("meta"):
        model = BertModel(BertConfig())

    def run() -> int:
        found = summary(model, verbose=0)
        str(found)
        return int(found.total_params)

    return run


def huggingface_hub() -> Count:
    """The parser of a local safetensors file."""
    from huggingface_hub import parse_local_safetensors_file_metadata

    header = safetensors(1000)
    length = max(entry["data_offsets"][1] for entry in json.loads(header[8:]).values())
    file = Path(tempfile.mkdtemp()) / "model.safetensors"
    with file.open("wb") as opened:
        opened.write(header)
        opened.truncate(len(header) + length)

    def run() -> int:
        return sum(parse_local_safetensors_file_metadata(file).parameter_count.values())

    return run


PAIRS: dict[str, tuple[str, Callable[[], Count], Callable[[], Count]]] = {
    "Keras": ("ResNet-50, its JSON", keras, lambda: ours("keras", resnet50())),
    "torch, meta device": ("Llama-70B, its config", meta_device, lambda: ours("huggingface", LLAMA)),
    "torch, meta device: never met": ("Llama-70B, another vocabulary each time", meta_device, never_met),
    "accelerate": ("Llama-70B, its config", accelerate, lambda: ours("huggingface", LLAMA)),
    "torchinfo": ("BERT, built already", torchinfo, lambda: ours("torch", bert())),
    "huggingface_hub": ("safetensors, 1,000 tensors", huggingface_hub, lambda: ours("safetensors", safetensors(1000))),
}
"""Each peer by name: what it counts, itself, and the service's core on the same."""


class Peer(NamedTuple):
    """A peer and the service's core, in one run."""

    name: str
    what: str
    theirs: Measured
    ours: Measured


def peers() -> Iterator[Peer]:
    """All of them, each in a process of its own."""
    for name, (what, _, _) in PAIRS.items():
        before, theirs, after = (_asked(name, side) for side in ("ours", "theirs", "ours"))
        assert before.counted == theirs.counted == after.counted, name
        yield Peer(name, what, theirs, after._replace(seconds=(before.seconds + after.seconds) / 2))


def _asked(name: str, side: str) -> Measured:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers", name, side]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured(*json.loads(ended.stdout.splitlines()[-1]))


def measured(prepare: Callable[[], Count]) -> Measured:
    """Import, count once, then again and again."""
    start = time.perf_counter()
    run = prepare()
    imports = time.perf_counter() - start
    counted = run()
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(times) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        assert run() == counted
        times.append(time.perf_counter() - start)
    return Measured(counted, imports, median(times), _most_memory())


def _most_memory() -> int:
    """Bytes; getrusage would tell the parent's where that is more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    _, theirs, core = PAIRS[sys.argv[1]]
    sys.stdout.write(json.dumps(measured(theirs if sys.argv[2] == "theirs" else core)) + "\n")
