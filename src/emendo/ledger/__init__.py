"""Patches and the append-only history of a model: record, list, take back, export."""

from emendo.ledger.entry import Entry, State
from emendo.ledger.export import EXPORTERS, export_revision
from emendo.ledger.ledger import Ledger
from emendo.ledger.patch import BaseDigests, Patch, TensorDigest
from emendo.ledger.provenance import Provenance

__all__ = [
    "EXPORTERS",
    "BaseDigests",
    "Entry",
    "Ledger",
    "Patch",
    "Provenance",
    "State",
    "TensorDigest",
    "export_revision",
]
