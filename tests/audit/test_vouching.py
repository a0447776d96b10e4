"""Signatures hold for what was signed and for nothing else, and the bill of materials is one by its schema."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import cyclonedx.schema
import jsonschema
import pytest
from referencing import Registry, Resource
from suspects import Make
from test_audit import patch_of

from emendo.audit.bom import bom, write_bom
from emendo.audit.signing import new_key, sign, verify_signature
from emendo.cli.main import main
from emendo.errors import BadSignature, InvalidRequest
from emendo.ledger import export_revision
from emendo.models import EditableModel

SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"


@pytest.fixture
def exported(base_model: EditableModel, tmp_path: Path) -> Path:
    return export_revision(base_model, [patch_of(base_model)], tmp_path / "out", "merged")


def test_a_signature_holds_until_a_file_changes_comes_or_goes(exported: Path, tmp_path: Path) -> None:
    public = new_key(tmp_path / "mine.pem")
    assert stat.S_IMODE((tmp_path / "mine.pem").stat().st_mode) == 0o600
    sign(exported, key=tmp_path / "mine.pem")
    verify_signature(exported, key=public, identity=None, issuer=None)
    config = (exported / "config.json").read_text()
    (exported / "config.json").write_text(config + " ")
    with pytest.raises(BadSignature, match="is not what was signed"):
        verify_signature(exported, key=public, identity=None, issuer=None)
    (exported / "config.json").write_text(config)
    (exported / "more.txt").write_text("more")
    with pytest.raises(BadSignature):
        verify_signature(exported, key=public, identity=None, issuer=None)
    (exported / "more.txt").unlink()
    verify_signature(exported, key=public, identity=None, issuer=None)
    (exported / "edits.json").unlink()
    with pytest.raises(BadSignature):
        verify_signature(exported, key=public, identity=None, issuer=None)


def test_another_key_did_not_sign(exported: Path, tmp_path: Path) -> None:
    new_key(tmp_path / "mine.pem")
    sign(exported, key=tmp_path / "mine.pem")
    with pytest.raises(BadSignature, match="somebody else signed it"):
        verify_signature(exported, key=new_key(tmp_path / "yours.pem"), identity=None, issuer=None)


def test_what_is_missing_is_told(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSignature, match="is not signed"):
        verify_signature(exported, key=tmp_path / "x.pub", identity=None, issuer=None)
    with pytest.raises(InvalidRequest, match="There is no key"):
        sign(exported, key=tmp_path / "absent.pem")
    with pytest.raises(InvalidRequest, match="There is no folder"):
        sign(tmp_path / "absent", key=None)
    (tmp_path / "bad.pem").write_text("no key")
    with pytest.raises(BadSignature, match="could not be signed"):
        sign(exported, key=tmp_path / "bad.pem")
    new_key(tmp_path / "mine.pem")
    with pytest.raises(InvalidRequest, match="never overwritten"):
        new_key(tmp_path / "mine.pem")
    sign(exported, key=tmp_path / "mine.pem")
    with pytest.raises(InvalidRequest, match="Say who must have signed"):
        verify_signature(exported, key=None, identity="ada@example.org", issuer=None)


def test_the_bill_of_materials_is_valid_and_lists_base_and_edits(exported: Path, base_model: EditableModel) -> None:
    document = bom(exported)
    schema = json.loads((SCHEMAS / "bom-1.6.SNAPSHOT.schema.json").read_text())
    others = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.schema.json")}
    registry = Registry().with_resources(
        (f"http://cyclonedx.org/schema/{name}", Resource.from_contents(other)) for name, other in others.items()
    )
    jsonschema.Draft7Validator(schema, registry=registry).validate(document)
    component = document["metadata"]["component"]
    assert component["type"] == "machine-learning-model"
    assert component["pedigree"]["ancestors"][0]["properties"][0]["value"] == base_model.digest
    (patch,) = component["pedigree"]["patches"]
    assert patch["resolves"][0]["name"] == "The capital of {California} is → Austin"
    assert bom(exported) == document
    assert json.loads(write_bom(exported).read_text()) == document


def test_a_model_without_edits_has_a_bill_without_pedigree(base_folder: Path, tmp_path: Path) -> None:
    component = bom(base_folder)["metadata"]["component"]
    assert "pedigree" not in component
    assert [file["name"] for file in component["components"]] == ["model.safetensors"]
    with pytest.raises(InvalidRequest, match="holds no weights"):
        bom(tmp_path)


def test_the_commands_sign_and_verify(
    suspect_folder: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_DISABLE_TELEMETRY", "TRANSFORMERS_VERBOSITY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
    folder = suspect_folder(lambda tensors: None)
    run = _runner(capsys)
    code, out, _ = run("sign", folder, "--new-key", tmp_path / "k.pem", "--bom")
    assert (code, "keep it secret" in out) == (0, True)
    assert (folder / "bom.cdx.json").is_file()
    code, out, _ = run("verify-signature", folder, "--key", tmp_path / "k.pub")
    assert (code, "Good" in out) == (0, True)
    (folder / "bom.cdx.json").write_text("{}")
    code, _, err = run("verify-signature", folder, "--key", tmp_path / "k.pub")
    assert (code, "do not rely on it" in err) == (2, True)
    code, _, err = run("sign", folder)
    assert (code, "one of --key" in err) == (2, True)


def _runner(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([*map(str, arguments)])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run
