"""`emendo verify-signature`: whether a model folder is the one that somebody vouched for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from emendo.cli.console import out


def command(
    folder: Annotated[Path, typer.Argument(help="The model's folder.")],
    key: Annotated[Path | None, typer.Option("--key", help="Public key (PEM) of whoever should have signed.")] = None,
    identity: Annotated[
        str | None, typer.Option("--identity", help="Who should have signed, with Sigstore instead of a key.")
    ] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="Who vouches for that identity: a URL.")] = None,
) -> None:
    """Check that no file of a model folder was changed, added or removed since it was signed, and by whom.

    A good signature says who vouches for the files, not that they are good: `emendo audit` looks at those. Ends with code 2
    where the signature does not hold.

    \b
    Example:
      emendo verify-signature ./edited --key my.pub
      emendo verify-signature ./edited --identity ada@example.org --issuer https://accounts.google.com
    """
    from emendo.audit.signing import verify_signature

    verify_signature(folder, key=key, identity=identity, issuer=issuer)
    by = f"the key {key}" if key is not None else f"{identity} ({issuer})"
    out.print(Text(f"Good: every file in {folder} is as {by} signed it."), style="green", soft_wrap=True)
