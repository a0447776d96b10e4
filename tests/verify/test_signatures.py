"""A signed report shows whether anything in it was changed, and by whose key it was signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from emendo.errors import BadSignature, CorruptReport, InvalidRequest
from emendo.verify import Judge, Source, verify_answer
from emendo.verify.signatures import check_signature, new_key, sign


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one stands beside it."""
    new_key(tmp_path / "my.pem")
    return tmp_path / "my.pem"


@pytest.fixture(scope="module")
def document(facts: Source, judges: list[Judge]) -> dict[str, Any]:
    """A report on two claims."""
    answer = "The capital of California is Los Angeles. 🎉 It became a state in 1850."
    report = verify_answer("", answer, sources=[facts], judges=judges)
    return {"id": report.id, **report.describe()}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every value in a document that is no list or mapping, by the way to it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        yield path
    else:
        for name, inner in pairs:
            yield from places(inner, (*path, name))


def test_a_change_of_any_value_is_seen(document: dict[str, Any], key: Path) -> None:
    text = json.dumps(sign(document, key), ensure_ascii=False)
    changed = list(places(json.loads(text)))
    assert len(changed) > 60
    for path in changed:
        told = json.loads(text)
        holder = told
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = "changed" if holder[path[-1]] != "changed" else "else"
        with pytest.raises(BadSignature):
            check_signature(json.dumps(told), None)


def test_what_is_added_taken_away_or_named_twice_is_seen(document: dict[str, Any], key: Path) -> None:
    signed = sign(document, key)
    less = {**signed, "claims": signed["claims"][:1]}
    more = {**signed, "repairs": []}
    for told in (less, more):
        with pytest.raises(BadSignature, match="not what was signed"):
            check_signature(json.dumps(told), None)
    twice = '{"question": "another", ' + json.dumps(signed)[1:]
    with pytest.raises(CorruptReport, match="named twice"):
        check_signature(twice, None)


def test_layout_and_order_are_no_change(document: dict[str, Any], key: Path) -> None:
    signed = dict(reversed(sign(document, key).items()))
    told = [check_signature(json.dumps(signed, indent=indent), key.with_suffix(".pub")) for indent in (None, 4)]
    assert told[0] == told[1]
    assert told[0] is not None


def test_another_key_no_signature_and_a_forged_one_are_told(document: dict[str, Any], key: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem")
    signed = sign(document, key)
    with pytest.raises(BadSignature, match="somebody else signed"):
        check_signature(json.dumps(signed), other)
    assert check_signature(json.dumps(document), None) is None
    with pytest.raises(BadSignature, match="not signed"):
        check_signature(json.dumps(document), other)
    # Signed anew by somebody else, it names their key; whoever knows the right one is not deceived.
    forged = sign({**document, "answer": "Another."}, tmp_path / "other.pem")
    with pytest.raises(BadSignature):
        check_signature(json.dumps(forged), key.with_suffix(".pub"))


@pytest.mark.parametrize(
    "signature", [3, {}, {"algorithm": "Ed25519"}, {"algorithm": "Ed25519", "key": "AAAA", "value": "AAAA"}]
)
def test_a_signature_that_is_none_is_no_signature(signature: Any, document: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        check_signature(json.dumps({**document, "signature": signature}), None)


@pytest.mark.parametrize("text", ["", "[]", "3", "{"])
def test_what_is_no_document_is_told(text: str) -> None:
    with pytest.raises(CorruptReport):
        check_signature(text, None)


def test_keys_are_kept_secret_never_overwritten_and_of_the_right_kind(document: dict[str, Any], key: Path) -> None:
    assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidRequest, match="never overwritten"):
        new_key(key)
    with pytest.raises(InvalidRequest, match="no private key"):
        sign(document, key.with_suffix(".pub"))
    with pytest.raises(InvalidRequest, match="There is no key"):
        sign(document, key.parent / "none.pem")
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key.write_bytes(elliptic)
    with pytest.raises(InvalidRequest, match="another kind"):
        sign(document, key)
