"""Large files that take no space: their heads are real, and what weights would fill is a hole."""

from __future__ import annotations

import json
import struct
from os import SEEK_CUR
from pathlib import Path
from zlib import crc32

from tests.builders.pickles import dump, ordered_dict, tensor

LAYERS = 40


def write_safetensors(path: Path, size: int = 10 * 2**30) -> int:
    """Write a safetensors file of about so many bytes; returns its number of parameters."""
    width = size // LAYERS // 2
    header = {
        f"model.layers.{index}.mlp.weight": {
            "dtype": "BF16", "shape": [width], "data_offsets": [2 * width * index, 2 * width * (index + 1)],
        }
        for index in range(LAYERS)
    }  # fmt: skip
    head = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + 2 * width * LAYERS)
    return width * LAYERS


def write_pt(path: Path, tensors: int = 4, rows: int = 4096, columns: int = 32768) -> int:
    """Write a file of torch.save, each of its tensors half a gigabyte; returns its number of parameters."""
    state = {f"layers.{index}.weight": tensor(str(index), rows, columns) for index in range(tensors)}
    weights = {f"data/{index}": 4 * rows * columns for index in range(tensors)}
    contents: dict[str, int | bytes] = {
        "data.pkl": dump(ordered_dict(state)),
        "byteorder": b"little",
        **weights,
        "version": b"3\n",
    }
    directory = b""
    with path.open("wb") as file:
        for name, content in contents.items():
            encoded, offset = f"archive/{name}".encode(), file.tell()
            size = content if isinstance(content, int) else len(content)
            crc = 0 if isinstance(content, int) else crc32(content)
            fields = struct.pack("<5H3I2H", 0, 0, 0, 0, 0, crc, size, size, len(encoded), 0)
            file.write(b"PK\3\4" + fields + encoded)
            if isinstance(content, int):
                file.seek(content, SEEK_CUR)
            else:
                file.write(content)
            directory += b"PK\1\2\0\0" + fields + struct.pack("<3H2I", 0, 0, 0, 0, offset) + encoded
        start = file.tell()
        file.write(
            directory + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, len(contents), len(contents), len(directory), start, 0)
        )
    return tensors * rows * columns
