"""What commands work on: the model, its ledger, and the revision that was asked for."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emendo.home import default_home

if TYPE_CHECKING:
    from emendo.ledger import Ledger
    from emendo.models import EditableModel, Revision


@dataclass(frozen=True, kw_only=True)
class Session:
    """A loaded model with its history.

    Attributes:
        model: The model.
        ledger: Its history.
        revision: The deltas in force where the user wants to be.
    """

    model: EditableModel
    ledger: Ledger
    revision: Revision


def open_session(model_name: str, ledger_dir: Path | None = None, at: str | None = None) -> Session:
    """The model of that name, its ledger, and the revision at a point of its history (see `Ledger.at`)."""
    from emendo.ledger import Ledger
    from emendo.models import load_model

    model = load_model(model_name)
    ledger = Ledger.open(model, ledger_dir)
    return Session(model=model, ledger=ledger, revision=ledger.revision(at))


def open_ledger(model_name: str, ledger_dir: Path | None = None) -> Ledger:
    """The ledger of the model of that name; the model itself is loaded only where nothing else tells its digest."""
    from emendo.ledger import Ledger
    from emendo.models import load_model
    from emendo.models.store import stored_model

    stored = stored_model(default_home(), model_name)
    if stored is not None:
        return Ledger.of_digest(stored.digest, model_name, ledger_dir)
    named = None if ledger_dir is None else Ledger.existing(ledger_dir)
    if named is not None and named.name == model_name:
        return named
    return Ledger.open(load_model(model_name), ledger_dir)


def operating_user() -> str:
    """Who runs the command, as the operating system names them; "unknown" where it does not."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
