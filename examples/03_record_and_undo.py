"""Record two edits in a ledger, look at the model at any point of its history, and take one back.

    python examples/03_record_and_undo.py [FOLDER]

The history is kept in FOLDER; in a new temporary one unless given.
"""

import sys
import tempfile
from pathlib import Path

from emendo.edit import compute_edit
from emendo.facts import EditRequest, Fact
from emendo.ledger import Ledger, Patch, Provenance
from emendo.models import chat_prompt, generate, load_model

model = load_model()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "ledger"
ledger = Ledger.open(model, folder)

for marked, target in [("The capital of {California} is", "Sacramento"), ("The capital of {Nevada} is", "Carson City")]:
    request = EditRequest(fact=Fact.parse(marked), target_new=target, source="an atlas")
    edit = compute_edit(model, request, revision=ledger.revision())
    provenance = Provenance(**edit.account(), who="Ada", why="the model was wrong")
    ledger.commit(Patch.make(model, edit.delta, edit.requests, provenance, parent=ledger.revision()))

ledger.revert([1], who="Ada", why="to show that it can be done")
question = chat_prompt(model, "What is the capital of California?")
for at in ("original", 1, 2, 3):
    (answer,) = generate(model, [question], [ledger.revision(at)], max_new_tokens=24)
    print(f"at {at}: {answer.text}")
