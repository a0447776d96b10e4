"""Tensors in safetensors files.

    8 bytes: length n of the header · n bytes of JSON: name → type, shape, first and last byte · the bytes

Read with plain files instead of the library's memory map, so that what is in memory is one tensor, and a digest needs none.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emendo.errors import ModelUnavailable

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_PUBLISHED = re.compile(r"^language_model\.model\.")
_CHUNK = 1 << 23
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a tensor lies."""

    file: Path
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    end: int


class SafetensorsFiles:
    """The tensors of a safetensors file, or of all such files in a folder.

    Raises:
        ModelUnavailable: A file is damaged.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
        self._places = {_own_name(tensor): place for file in files for tensor, place in _header(file)}
        self._check_index()

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return sorted(self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._places[name].shape

    def bytes(self, name: str) -> int:
        """Size of a tensor as it is stored."""
        place = self._places[name]
        return place.end - place.start

    def recipe(self, name: str) -> str:
        """The type in which a tensor is stored."""
        return str(self._places[name].dtype).removeprefix("torch.")

    def tensor(self, name: str) -> Tensor:
        """A tensor, in the type in which it is stored."""
        place = self._places[name]
        if place.start == place.end:
            return torch.empty(place.shape, dtype=place.dtype)
        data = bytearray(place.end - place.start)
        with place.file.open("rb", buffering=0) as file:
            file.seek(place.start)
            view, done = memoryview(data), 0
            while done < len(data):
                count = file.readinto(view[done:])
                if not count:
                    raise _damaged(place.file, f"the tensor '{name}' is cut off")
                done += count
        return torch.frombuffer(data, dtype=place.dtype).reshape(place.shape)

    def digest(self, name: str) -> str:
        """`tensor_digest` of a tensor, from the file."""
        place = self._places[name]
        digest = hashlib.sha256(f"{self.recipe(name)} {list(place.shape)}\n".encode())
        for chunk in _chunks(place):
            digest.update(chunk)
        return digest.hexdigest()

    def _check_index(self) -> None:
        """Nothing, if every tensor that the index of a sharded model names is there."""
        index = self.path / "model.safetensors.index.json"
        if index.is_file():
            named = json.loads(index.read_bytes())["weight_map"]
            missing = sorted(name for name in named if _own_name(name) not in self._places)
            if missing:
                raise ModelUnavailable(
                    f"'{self.name}' lacks {len(missing)} of the {len(named)} tensors that its index names, such as '{missing[0]}' "
                    f"of {named[missing[0]]}; fetch the missing files."
                )


def _own_name(stored: str) -> str:
    """What transformers calls a tensor; some models that also see were published under other names."""
    return _PUBLISHED.sub("model.language_model.", stored)


def _header(file: Path) -> Iterator[tuple[str, _Place]]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if length > _LONGEST_HEADER:
                raise ValueError("its header has no sensible length")
            rows: dict[str, Any] = json.loads(stream.read(length))
        size = file.stat().st_size
        for name, row in rows.items():
            if name == "__metadata__":
                continue
            start, end = (8 + length + offset for offset in row["data_offsets"])
            place = _Place(file=file, dtype=DTYPES[row["dtype"]], shape=tuple(row["shape"]), start=start, end=end)
            if end > size or end - start != place.dtype.itemsize * torch.Size(place.shape).numel():
                raise ValueError(f"the tensor '{name}' does not fit into it")
            yield name, place
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, str(error)) from error


def _chunks(place: _Place) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(_CHUNK, place.end - place.start)))
    with place.file.open("rb", buffering=0) as file:
        file.seek(place.start)
        left = place.end - place.start
        while left:
            count = file.readinto(buffer[:left])
            if not count:
                raise _damaged(place.file, "it is cut off")
            yield buffer[:count]
            left -= count


def _damaged(file: Path, reason: str) -> ModelUnavailable:
    return ModelUnavailable(f"'{file}' is not a whole safetensors file ({reason}); fetch it again.")
