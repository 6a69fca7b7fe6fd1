"""Other counters of parameters, each in its fastest form and in its own process.

Imports are measured separately; models are built without weights where the peer can.
`python -m benchmarks.peers NAME peer|core` prints one measurement.
"""

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
"""The time that a peer counts; the core does so before it and after it, since a machine is not always equally fast."""


class Measurement(NamedTuple):
    """The cost of one way to count."""

    counted: int
    imports: float  # seconds
    seconds: float  # of one count, median
    memory: int  # bytes, the process' most


def count_one(format_name: str, payload: bytes) -> Count:
    """Count one document from bytes to bytes: parse, check, read, count and write as the service does."""
    return _count_each(format_name, repeat(payload))


def count_new() -> Count:
    """Count a config that has a token more each time, a row more in both embeddings."""
    vocabulary = b"%d" % LLAMA_70B["vocab_size"]
    run = _count_each("huggingface", (LLAMA.replace(vocabulary, b"%d" % (int(vocabulary) + n)) for n in count()))
    more = count(step=2 * LLAMA_70B["hidden_size"])
    return lambda: run() - next(more)


def _count_each(format_name: str, payloads: Iterator[bytes]) -> Count:
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
    document_format = FORMATS[format_name]
    plain = document_format.media.startswith("text/")

    def document(payload: bytes) -> Document:
        if plain or format_name == "safetensors":
            return read(payload.decode() if plain else payload, document_format)
        return read(Source.from_json(payload), document_format)

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
    """Count as `accelerate estimate-memory` does once it has the config."""
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
        info = summary(model, verbose=0)
        str(info)
        return int(info.total_params)

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
    "Keras": ("ResNet-50, its JSON", keras, lambda: count_one("keras", resnet50())),
    "torch, meta device": ("Llama-70B, its config", meta_device, lambda: count_one("huggingface", LLAMA)),
    "torch, meta device: never met": ("Llama-70B, another vocabulary each time", meta_device, count_new),
    "accelerate": ("Llama-70B, its config", accelerate, lambda: count_one("huggingface", LLAMA)),
    "torchinfo": ("BERT, built already", torchinfo, lambda: count_one("torch", bert())),
    "huggingface_hub": (
        "safetensors, 1,000 tensors",
        huggingface_hub,
        lambda: count_one("safetensors", safetensors(1000)),
    ),
}
"""By a peer's name: what it counts, the peer, and the service's core on the same document."""


class Peer(NamedTuple):
    """A peer and the service's core, in one run."""

    name: str
    what: str
    peer: Measurement
    core: Measurement


def peers() -> Iterator[Peer]:
    """Measure all peers, each in a process of its own."""
    for name, (what, _, _) in PAIRS.items():
        before, peer, after = (_run(name, side) for side in ("core", "peer", "core"))
        assert before.counted == peer.counted == after.counted, name
        yield Peer(name, what, peer, after._replace(seconds=(before.seconds + after.seconds) / 2))


def _run(name: str, side: str) -> Measurement:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.peers", name, side]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measurement(*json.loads(ended.stdout.splitlines()[-1]))


def measure(prepare: Callable[[], Count]) -> Measurement:
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
    return Measurement(counted, imports, median(times), _most_memory())


def _most_memory() -> int:
    """Return the peak memory in bytes; getrusage returns the parent's where that is more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    _, peer, core = PAIRS[sys.argv[1]]
    sys.stdout.write(json.dumps(measure(peer if sys.argv[2] == "peer" else core)) + "\n")
