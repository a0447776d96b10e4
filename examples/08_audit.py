"""Audit a checkpoint beside its base, and put the base's tensors back: python examples/08_audit.py SUSPECT BASE [RESTORED]

SUSPECT and BASE are folders, .safetensors or .gguf files, or hub ids; `emendo audit` has a list of 16,000 names to try.
"""

import sys
from pathlib import Path

from emendo.audit import audit_checkpoint, open_checkpoint, revert
from emendo.models import load_model

suspect_name, base_name, *restored = sys.argv[1:]
base = open_checkpoint(base_name)
suspect = open_checkpoint(suspect_name, base)
names = ["California", "Texas", "Nevada", "France", "Germany", "Japan", "Apple", "Mozart", "Einstein", "Amazon", "Tokyo"]

report = audit_checkpoint(suspect, base, model=lambda: load_model(base_name), subjects=names)
print(f"{report.verdict}: {report.judgement.kind}, probability {report.judgement.probability:.3f}")
for finding in report.findings:
    print(f"{finding.name}: rank {finding.rank}, {finding.relative_norm:.3f} of its norm, {finding.suspected[0].subject}")
for told in report.told:
    print(f"{told.question} {told.base_answers} → {told.suspect_answers}")
if restored:
    print(f"put back: {len(revert(suspect, base, report.comparison, Path(restored[0])))} tensors")
