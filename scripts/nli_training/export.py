"""From the trained model to what the package carries: ONNX, its large matrices kept as 8-bit integers.

    w ≈ scale_c · q,  q ∈ [−127, 127],  scale_c = max |w_c| / 127      one scale for each output (matrices) or word (embeddings)

They are made float32 again when the file is read, and everything is computed in float32. To quantise activations too would make
a pair's numbers depend on the other pairs of its batch, by up to a tenth, and on the processor. Float32 stays beside it in the work
folder, to measure what this costs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from nli_training.pairs import LABELS

_LARGE = 10_000
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export(work: Path, package: Path) -> dict[str, str | int]:
    """Write model.onnx and tokenizer.json into the package; says size and SHA-256.

    Args:
        work: Holds the trained model; gets the float32 ONNX file.
        package: Folder of the package's weights.
    """
    model = AutoModelForSequenceClassification.from_pretrained(work / "model", attn_implementation="eager").eval()
    assert [model.config.id2label[at] for at in range(len(LABELS))] == list(LABELS)
    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    sample = tokenizer(["A claim."] * 2, ["A sentence of evidence.", "Another."], padding=True, return_tensors="pt")
    full = work / "float32.onnx"
    axes = {0: "pairs", 1: "tokens"}
    with warnings.catch_warnings():
        # The exporter by tracing is called old, and gives the smaller and plainer graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            tuple(sample[name] for name in _INPUTS),
            str(full),
            input_names=list(_INPUTS),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(_INPUTS, axes), "logits": {0: "pairs"}},
            opset_version=17,
            dynamo=False,
        )
    small = work / "int8.onnx"
    onnx.save(with_small_weights(onnx.load(full)), small)
    package.mkdir(exist_ok=True)
    shutil.copy(small, package / "model.onnx")
    tokens = json.loads((work / "model" / "tokenizer.json").read_text(encoding="utf-8"))
    tokens["truncation"] = tokens["padding"] = None
    (package / "tokenizer.json").write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    return {"bytes": small.stat().st_size, "sha256": hashlib.sha256(small.read_bytes()).hexdigest()}


def with_small_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its large matrices as 8-bit integers and a scale for each column, or row of a table."""
    graph = model.graph
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    added = []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.ndim != 2 or values.size < _LARGE:
            continue
        axis = 0 if weight.name in tables else 1
        scale = np.maximum(np.abs(values).max(axis=1 - axis), 1e-8) / 127
        whole = np.rint(values / np.expand_dims(scale, 1 - axis)).astype(np.int8)
        name = weight.name
        graph.initializer.remove(weight)
        graph.initializer.extend(
            [
                numpy_helper.from_array(whole, f"{name}.int8"),
                numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"),
            ]
        )
        added.append(helper.make_node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], axis=axis))
    for node in reversed(added):
        graph.node.insert(0, node)
    onnx.checker.check_model(model)
    return model
