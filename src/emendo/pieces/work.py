"""What a job is, so that any process can compute any piece of it and name the result.

    address of a piece = SHA-256 of the canonical JSON of (prepare, compute, shared, threads, piece)

so a result is found again exactly where everything that it depends on is the same. `shared` names weights, data and code by
digest; where these lie on a machine stands in `where`, which the address leaves out.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job whose pieces do not see each other.

    Attributes:
        prepare: "module:function" that makes a worker's context of `shared` and `where`, such as a loaded model; called once.
        compute: "module:function" that makes the result of a context and a piece: something that JSON holds, or bytes.
        shared: What all pieces depend on, as JSON.
        where: Where a worker finds what `shared` names, as JSON.
        threads: Of torch, while a piece is computed: sums depend on how many threads add them up.
    """

    prepare: str
    compute: str
    shared: Mapping[str, Any]
    where: Mapping[str, Any] = field(default_factory=dict)
    threads: int

    def address(self, piece: Any) -> str:
        """64 hexadecimal digits that name the result of a piece."""
        told = {
            "prepare": self.prepare,
            "compute": self.compute,
            "shared": self.shared,
            "threads": self.threads,
            "piece": piece,
        }
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def named_function(name: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """While the context lasts, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
