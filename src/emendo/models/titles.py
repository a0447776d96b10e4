"""How a model is called where people read it: "SmolLM2-135M-Instruct", not "smollm2-135m" or "/data/models/x/snapshots/8a1b".

What was converted from a file is called as the file, without its precision; what else there is, as its hub id or folder ends.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from emendo.models.editable import EditableModel
from emendo.models.store import stored_source

# The last part of a GGUF file's name: Q4_1, Q4_K_M, IQ3_XS, F16, bf16.
_PRECISION = re.compile(r"[.-](I?Q\d\w*|B?F(16|32)|MXFP4)$", re.IGNORECASE)


def title_of(model: EditableModel) -> str:
    """The model's name for people."""
    source = None if model.folder is None else stored_source(model.folder)
    name = PurePath(source or model.name.rstrip("/")).name.removesuffix(".gguf")
    return _PRECISION.sub("", name) or model.name
