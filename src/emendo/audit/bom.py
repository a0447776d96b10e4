"""A bill of materials for a model: CycloneDX 1.6, with the base as its ancestor and every edit as a patch of its pedigree.

    component (machine-learning-model) → hashes of the weight files
      pedigree.ancestors → the base, by name and digest
      pedigree.patches   → each edit: what, why, by whom, the digests of the tensors

Written from the passport (``edits.json``) where there is one. The serial number is derived from the contents, so that the same
folder gives the same document.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from emendo import __version__
from emendo.errors import InvalidRequest
from emendo.ledger.adapter_files import read_json
from emendo.ledger.durable import replace_file
from emendo.ledger.export import SCHEMA as SCHEMA_OF_EXPORTS
from emendo.ledger.patch import EDITS, pretty_json
from emendo.models.embedded import file_digest

FILE = "bom.cdx.json"
_WEIGHTS = (".safetensors", ".gguf")
_NAMESPACE = uuid.UUID("6a7c4f0e-3b52-5d0c-9f43-0d6f5a1c8e21")


def write_bom(folder: Path) -> Path:
    """The file, written into the model's folder.

    Raises:
        InvalidRequest: The folder holds no weights.
    """
    replace_file(folder / FILE, pretty_json(bom(folder)))
    return folder / FILE


def bom(folder: Path) -> dict[str, Any]:
    """The document as JSON values.

    Raises:
        InvalidRequest: The folder holds no weights.
    """
    weights = sorted(file for file in folder.iterdir() if file.suffix in _WEIGHTS) if folder.is_dir() else []
    if not weights:
        raise InvalidRequest(f"'{folder}' holds no weights, of which a bill could be made; give the folder of a model.")
    digests = {file.name: file_digest(file) for file in weights}
    patches = _patches(folder)
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": folder.resolve().name,
        "modelCard": {"modelParameters": {"task": "text-generation"}},
        "components": [
            {"type": "file", "bom-ref": name, "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for name, digest in digests.items()
        ],
    }
    if patches:
        component["pedigree"] = {
            "ancestors": [_ancestor(patches[0]["base"])],
            "patches": [_patch(patch) for patch in patches],
            "notes": f"Edited with emendo {__version__}; {EDITS} holds every detail.",
        }
    contents = json.dumps([digests, patches], sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, contents)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "emendo", "version": __version__}]},
            "component": component,
        },
    }


def _patches(folder: Path) -> list[dict[str, Any]]:
    if not (folder / EDITS).is_file():
        return []
    document = read_json(folder / EDITS)
    patches: list[dict[str, Any]] = document["patches"] if document.get("schema") == SCHEMA_OF_EXPORTS else [document]
    return patches


def _ancestor(base: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {
        "type": "machine-learning-model",
        "name": base["name"],
        "properties": [{"name": "emendo:weights-digest", "value": base["digest"]}],
    }
    return named | ({"version": base["revision"]} if base.get("revision") else {})


def _patch(patch: dict[str, Any]) -> dict[str, Any]:
    """An edit; CycloneDX keeps the reasons of a patch as the issues that it resolves."""
    return {"type": "unofficial", "resolves": [_issue(fact) for fact in patch["facts"]]}


def _issue(fact: dict[str, Any]) -> dict[str, Any]:
    marked = fact["prompt"].replace("{}", "{" + fact["subject"] + "}")
    why, who, when = (fact.get(name) or "not recorded" for name in ("why", "who", "when"))
    return {
        "type": "defect",
        "id": fact["id"],
        "name": f"{marked} → {fact['target_new']}",
        "description": f"why: {why}; who: {who}; when: {when}",
    }
