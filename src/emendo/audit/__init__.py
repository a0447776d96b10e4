"""Find weight changes that no record explains, name the facts behind them, and take them back."""

from emendo.audit.alone import Alone, audit_alone
from emendo.audit.audit import AuditReport, audit_checkpoint
from emendo.audit.checkpoint import open_checkpoint
from emendo.audit.finding import Finding
from emendo.audit.formats import Checkpoint
from emendo.audit.revert import revert
from emendo.audit.subjects import names_in, read_subjects, shipped_subjects

__all__ = [
    "Alone",
    "AuditReport",
    "Checkpoint",
    "Finding",
    "audit_alone",
    "audit_checkpoint",
    "names_in",
    "open_checkpoint",
    "read_subjects",
    "revert",
    "shipped_subjects",
]
