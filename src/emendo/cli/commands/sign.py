"""`emendo sign`: vouch for a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from emendo.cli.console import out


def command(
    folder: Annotated[Path, typer.Argument(help="The model's folder.")],
    key: Annotated[Path | None, typer.Option("--key", help="Private key (PEM, elliptic curve) to sign with.")] = None,
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="Make a new key first, write it here, and sign with it.")
    ] = None,
    sigstore: Annotated[
        bool, typer.Option("--sigstore", help="Sign with your identity instead of a key; needs a network.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom", help="Write bom.cdx.json (CycloneDX 1.6) first, so that it is signed too.")
    ] = False,
) -> None:
    """Sign every file of a model folder, its passport included, with OpenSSF's model-signing.

    \b
    Example:
      emendo sign ./edited --new-key my.pem --bom
      emendo sign ./edited --key my.pem
      emendo sign ./edited --sigstore
    """
    from emendo.audit.bom import write_bom
    from emendo.audit.signing import new_key as make_key
    from emendo.audit.signing import sign
    from emendo.errors import InvalidRequest

    if sum((key is not None, new_key is not None, sigstore)) != 1:
        raise InvalidRequest("Say what to sign with: one of --key FILE, --new-key FILE and --sigstore.")
    if new_key is not None:
        public = make_key(new_key)
        out.print(Text(f"New key: {new_key} (keep it secret) and {public} (hand it out)."), soft_wrap=True)
        key = new_key
    if bom:
        out.print(Text(f"Wrote {write_bom(folder)}."), soft_wrap=True)
    signature = sign(folder, key=key)
    out.print(Text(f"Signed: {signature} covers every file in {folder}."), soft_wrap=True)
