"""The exceptions a caller may catch, as a tree.

    EmendoError
    ├── InvalidRequest          the words of a request do not fit together
    │   ├── UnknownName         no plug-in, model or revision of that name
    │   └── PromptTooLong       more tokens than the model's context holds
    ├── PluginBroken            a plug-in from outside that cannot be imported
    ├── DataUnavailable         a data set, corpus or file that is not there
    ├── ModelUnavailable        a model that cannot be found or fetched
    ├── UnsupportedArchitecture a model whose parts Emendo does not know
    ├── UnknownFact             a fact that the model does not know, so that nothing can be traced
    ├── PieceFailed             a part of a long job that ended its worker every time
    ├── EditRefused             an edit that the guard found harmful
    ├── PatchMismatch           a patch made for other weights
    ├── CorruptPatch            a patch whose files are damaged or foreign
    ├── LedgerError             a history that cannot be read or written
    ├── SourceFailed            an evidence source that cannot be searched
    ├── CorruptReport           a report of a verification that is damaged or foreign
    ├── BadSignature            files that are not the ones that were signed
    └── MissingPackage          an optional package that is not installed

Every message is one plain sentence or two: what was found, what was expected, what to do. The command line prints it and
exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EmendoError(Exception):
    """Anything that a user can mend."""


class InvalidRequest(EmendoError):
    """The words of a request do not fit together."""


class UnknownName(InvalidRequest):
    """No plug-in, model or revision has the name that was asked for."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        close = difflib.get_close_matches(name, choices, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        listing = ", ".join(choices) or "none"
        super().__init__(f"There is no {kind} named '{name}'. {hint}Known: {listing}.")


class PromptTooLong(InvalidRequest):
    """A prompt has more tokens than the model's context holds."""


class PluginBroken(EmendoError):
    """A plug-in from outside cannot be imported."""


class DataUnavailable(EmendoError):
    """A data set, corpus or file is not where it was looked for."""


class ModelUnavailable(EmendoError):
    """A model can neither be found here nor fetched."""


class UnsupportedArchitecture(EmendoError):
    """The parts of a model are not known to Emendo."""


class UnknownFact(EmendoError):
    """The model does not predict the true target of a fact, so there is nothing to trace."""


class PieceFailed(EmendoError):
    """A part of a long job ended its worker every time it was tried."""


class EditRefused(EmendoError):
    """The guard found that an edit would do harm; nothing was written."""


class PatchMismatch(EmendoError):
    """A patch was made for other weights than those it is applied to."""


class CorruptPatch(EmendoError):
    """The files of a patch are damaged, or are not a patch at all."""


class LedgerError(EmendoError):
    """A ledger cannot be read or written."""


class SourceFailed(EmendoError):
    """An evidence source cannot be searched."""


class CorruptReport(EmendoError):
    """A report of a verification is damaged, or is not one at all."""


class BadSignature(EmendoError):
    """The files of a model are not the ones that were signed, or cannot be signed."""


class MissingPackage(EmendoError):
    """What was asked for needs an optional package that is not installed."""
