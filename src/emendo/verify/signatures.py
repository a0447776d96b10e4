"""Vouch for a report with an Ed25519 key (RFC 8032), so that whoever has the public key sees whether anything in it was changed.

    signature = Ed25519(key, canonical JSON of the document without its signature)

Canonical JSON has sorted keys and no white space. A document that names a field twice is refused, since readers would differ on
what it says. A signature says who vouches for a report; what the verdicts rest on is shown by judging it again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emendo.errors import BadSignature, CorruptReport, InvalidRequest, MissingPackage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM = "Ed25519"


def new_key(path: Path) -> Path:
    """The public key's file, after writing a new private key (PEM) to `path` and the public one beside it.

    Raises:
        InvalidRequest: There is a file already.
        MissingPackage: cryptography is not installed.
    """
    serialization = _library().hazmat.primitives.serialization
    public = path.with_suffix(".pub")
    for file in (path, public):
        if file.exists():
            raise InvalidRequest(f"'{file}' exists, and a key is never overwritten; name another file.")
    key = _library().hazmat.primitives.asymmetric.ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(secret)
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(shown)
    return public


def sign(document: Mapping[str, Any], key: Path) -> dict[str, Any]:
    """The document with its signature.

    Raises:
        InvalidRequest: There is no such key, or it is of another kind.
        MissingPackage: cryptography is not installed.
    """
    secret = _private_key(key)
    value = secret.sign(_canonical(document))
    signature = {
        "algorithm": ALGORITHM,
        "key": base64.b64encode(secret.public_key().public_bytes_raw()).decode(),
        "value": base64.b64encode(value).decode(),
    }
    return {**document, "signature": signature}


def check_signature(text: str, key: Path | None) -> str | None:
    """The fingerprint of the key that signed a document; None for one that is not signed.

    Args:
        text: The document.
        key: Public key of whoever must have signed; the one that the document names unless given.

    Raises:
        BadSignature: Anything was changed, somebody else signed, or nobody did where somebody must have.
        CorruptReport: The text is no document of JSON.
        InvalidRequest: There is no such key, or it is of another kind.
        MissingPackage: cryptography is not installed.
    """
    document = _read(text)
    signature = document.get("signature")
    if signature is None:
        if key is not None:
            raise BadSignature("The report is not signed, and was to be by the key that was given; do not rely on it.")
        return None
    if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
        raise BadSignature(f"The report's signature is not of {ALGORITHM}; do not rely on it.")
    public = _public_key(signature, key)
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(base64.b64decode(signature["value"], validate=True), _canonical(document))
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise BadSignature("The report is not what was signed, or somebody else signed it; do not rely on it.") from error
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def _canonical(document: Mapping[str, Any]) -> bytes:
    told = {name: value for name, value in document.items() if name != "signature"}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _read(text: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a field is named twice")
        return dict(pairs)

    try:
        document = json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise CorruptReport(
            f"This is no report of a verification ({error}); give a file that 'emendo verify --json' wrote."
        ) from error
    if not isinstance(document, dict):
        raise CorruptReport("This is no report of a verification; give a file that 'emendo verify --json' wrote.")
    return document


def _private_key(path: Path) -> Ed25519PrivateKey:
    load = _library().hazmat.primitives.serialization.load_pem_private_key
    try:
        key = load(_bytes(path), password=None)
    except (ValueError, TypeError) as error:
        raise InvalidRequest(f"'{path}' holds no private key in PEM, or one with a password; give another one.") from error
    kind: type[Ed25519PrivateKey] = _library().hazmat.primitives.asymmetric.ed25519.Ed25519PrivateKey
    if not isinstance(key, kind):
        raise InvalidRequest(
            f"'{path}' holds a key of another kind; reports are signed with Ed25519: make one with --new-key."
        )
    return key


def _public_key(signature: Any, path: Path | None) -> Ed25519PublicKey:
    kind: type[Ed25519PublicKey] = _library().hazmat.primitives.asymmetric.ed25519.Ed25519PublicKey
    if path is None:
        try:
            return kind.from_public_bytes(base64.b64decode(signature["key"], validate=True))
        except (KeyError, TypeError, ValueError) as error:
            raise BadSignature("The report's signature names no key; do not rely on it.") from error
    load = _library().hazmat.primitives.serialization.load_pem_public_key
    try:
        key = load(_bytes(path))
    except ValueError as error:
        raise InvalidRequest(f"'{path}' holds no public key in PEM; give the file that ends in .pub.") from error
    if not isinstance(key, kind):
        raise InvalidRequest(f"'{path}' holds a key of another kind; reports are signed with Ed25519.")
    return key


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise InvalidRequest(f"There is no key '{path}'; make one with 'emendo verify … --json --new-key {path}'.")
    return path.read_bytes()


def _library() -> Any:
    try:
        import cryptography.hazmat.primitives.asymmetric.ed25519
        import cryptography.hazmat.primitives.serialization
    except ImportError as error:
        raise MissingPackage(
            f"Signatures need the package cryptography ({error}); run pip install 'emendo[signing]'."
        ) from error
    return cryptography
