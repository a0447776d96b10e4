"""Export the newest revision of a ledger in every format, and say how to load what was written.

    python examples/04_export.py LEDGER FOLDER

LEDGER is a folder that 03_record_and_undo.py or `emendo edit --ledger LEDGER` filled; FOLDER is made.
"""

import sys
from pathlib import Path

from emendo.ledger import EXPORTERS, Ledger, export_revision
from emendo.models import load_model

ledger_folder, target = map(Path, sys.argv[1:])
model = load_model()
ledger = Ledger.open(model, ledger_folder)

for name in EXPORTERS.names():
    folder = export_revision(model, ledger.patches(), target / name, name)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size:,} bytes\n\n{EXPORTERS.get(name).usage(model, folder)}\n")
