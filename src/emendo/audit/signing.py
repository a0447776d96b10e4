"""Sign a model folder and check the signature, with OpenSSF's model-signing.

The signature covers every file of the folder but itself: names and SHA-256 in a signed in-toto statement, wrapped in a Sigstore
bundle. A key pair works anywhere; Sigstore ties it to an identity instead of a key and needs a network. It says who vouches for the
files, not that they are good: that is for an audit, with the passport among the signed files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emendo.errors import BadSignature, InvalidRequest, MissingPackage

SIGNATURE = "model.sig"


def new_key(path: Path) -> Path:
    """The public key's file, after writing a new private key (P-256, PEM) to `path` and the public one beside it.

    Raises:
        InvalidRequest: There is a file already.
    """
    _library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = path.with_suffix(".pub")
    for file in (path, public):
        if file.exists():
            raise InvalidRequest(f"'{file}' exists, and a key is never overwritten; name another file.")
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(secret)
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(shown)
    return public


def sign(folder: Path, *, key: Path | None) -> Path:
    """The signature's file in the folder.

    Args:
        folder: The model.
        key: A private key, PEM; Sigstore with the identity of whoever is at the browser, or of the machine, unless given.

    Raises:
        InvalidRequest: There is no such folder or key.
        BadSignature: It could not be signed.
        MissingPackage: model-signing is not installed.
    """
    _existing_folder(folder)
    key = None if key is None else _existing_file(key)
    library = _library()
    try:
        config = library.signing.Config().set_hashing_config(_hashing(library, folder))
        if key is None:
            config.use_sigstore_signer(use_ambient_credentials=True)
        else:
            config.use_elliptic_key_signer(private_key=key)
        config.sign(folder, folder / SIGNATURE)
    except Exception as error:  # the library and those below it fail in as many ways as keys and networks do
        raise BadSignature(
            f"'{folder}' could not be signed ({_reason(error)}); check the key, or the network for Sigstore."
        ) from error
    return folder / SIGNATURE


def verify_signature(folder: Path, *, key: Path | None, identity: str | None, issuer: str | None) -> None:
    """Return if the files are the ones that were signed, by that key or identity.

    Args:
        folder: The model.
        key: The public key, PEM.
        identity: Who must have signed, with Sigstore instead of a key.
        issuer: Who vouches for that identity, such as "https://accounts.google.com".

    Raises:
        InvalidRequest: There is no such folder, or neither a key nor an identity with its issuer.
        BadSignature: A file was changed, added or removed, or somebody else signed.
        MissingPackage: model-signing is not installed.
    """
    _existing_folder(folder)
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise BadSignature(f"'{folder}' is not signed: it holds no {SIGNATURE}.")
    if key is None and (identity is None or issuer is None):
        raise InvalidRequest(
            "Say who must have signed: give --key with the public key, or --identity and --issuer for Sigstore."
        )
    key = None if key is None else _existing_file(key)
    library = _library()
    try:
        config = library.verifying.Config().set_hashing_config(_hashing(library, folder))
        if key is None:
            config.use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
        else:
            config.use_elliptic_key_verifier(public_key=key)
        config.verify(folder, signature)
    except Exception as error:  # as above
        raise BadSignature(
            f"'{folder}' is not what was signed, or somebody else signed it ({_reason(error)}); do not rely on it."
        ) from error


def _hashing(library: Any, folder: Path) -> Any:
    return library.hashing.Config().set_ignored_paths(paths=[folder / SIGNATURE])


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _existing_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder '{folder}'; give the folder of a model.")


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise InvalidRequest(f"There is no key '{path}'; make one with 'emendo sign MODEL --new-key {path}'.")
    return path


def _library() -> Any:
    try:
        import model_signing
    except ImportError as error:
        raise MissingPackage(
            f"Signatures need the package model-signing ({error}); run pip install 'emendo[signing]'."
        ) from error
    return model_signing
