"""How much memory and time a comparison takes of checkpoints as large as a 7B model: random weights of its shapes, in bfloat16.

    python benchmarks/auditing_memory.py --work W --layers 32 -o docs/results/auditing_memory.json

The suspect shares all files with the base but one, in which one matrix was changed by a matrix of rank one. Nothing is run: the
audit looks at weights alone. Written in the work folder, 13.5 GB with 32 layers, and removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch
from auditing_figures import command_line
from safetensors.torch import save_file

WIDTH, INNER, VOCABULARY = 4096, 11008, 32000
LAYERS_A_FILE = 4
MATRICES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (WIDTH, WIDTH),
    "self_attn.v_proj": (WIDTH, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}
PROGRAM = """
import sys
from emendo.cli.main import main
try:
    main(sys.argv[1:])
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr)
"""


def write_model(folder: Path, layers: int) -> None:
    """Write random weights, a few layers a file."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    ends = {name: _random((VOCABULARY, WIDTH), generator) for name in ("model.embed_tokens.weight", "lm_head.weight")}
    save_file(ends, folder / "model-00.safetensors")
    for first in range(0, layers, LAYERS_A_FILE):
        tensors = {
            f"model.layers.{layer}.{name}.weight": _random(shape, generator)
            for layer in range(first, min(layers, first + LAYERS_A_FILE))
            for name, shape in MATRICES.items()
        }
        save_file(tensors, folder / f"model-{first + 1:02}.safetensors")


def write_suspect(base: Path, folder: Path, layers: int) -> str:
    """The name of the matrix that was changed in a folder that shares the other files with the base."""
    from safetensors.torch import load_file

    folder.mkdir()
    layer = layers // 2
    first = layer // LAYERS_A_FILE * LAYERS_A_FILE
    own = f"model-{first + 1:02}.safetensors"
    for file in base.iterdir():
        if file.name != own:
            os.link(file, folder / file.name)
    tensors = load_file(base / own)
    name = f"model.layers.{layer}.mlp.down_proj.weight"
    generator = torch.Generator().manual_seed(1)
    u, v = (torch.randn(n, generator=generator) for n in tensors[name].shape)
    old = tensors[name].float()
    tensors[name] = (old + 0.1 * old.norm() * torch.outer(u / u.norm(), v / v.norm())).to(torch.bfloat16)
    save_file(tensors, folder / own)
    return name


def _random(shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    # A row of random numbers, shifted from row to row: quick to make, and every tensor is another.
    row = (0.02 * torch.randn(shape[1] + 257, generator=generator)).to(torch.bfloat16)
    return row.unfold(0, shape[1], 1)[torch.randint(0, 257, (shape[0],), generator=generator)].contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    base, suspect = options.work / "large-base", options.work / "large-suspect"
    try:
        write_model(base, options.layers)
        edited = write_suspect(base, suspect, options.layers)
        size = sum(file.stat().st_size for file in base.iterdir())
        started = time.perf_counter()
        command = [sys.executable, "-c", PROGRAM, "audit", str(suspect), "--base", str(base), "--weights-only", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        found = json.loads(done.stdout)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(suspect, ignore_errors=True)
    assert [change["name"] for change in found["changes"]] == [edited], found["changes"]
    result = {
        "command": command_line("auditing_memory.py"),
        "date": time.strftime("%Y-%m-%d"),
        "layers": options.layers,
        "gigabytes_a_checkpoint": round(size / 1e9, 2),
        "seconds": round(seconds, 1),
        "peak_gigabytes": round(int(done.stderr.split()[-1]) * 1024 / 1e9, 2),
        "found": {name: found["findings"][0][name] for name in ("name", "rank", "relative_norm", "top_share")},
    }
    print(json.dumps(result, indent=1))
    if options.output is not None:
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
