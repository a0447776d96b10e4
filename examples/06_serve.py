"""Serve a model over OpenAI's API, and ask it at two revisions: python examples/06_serve.py [LEDGER]

LEDGER is a folder that `emendo edit --ledger LEDGER` filled. `emendo serve` does the same with a page, and until it is stopped.
"""

import sys
import tempfile
from pathlib import Path

from fastapi.testclient import TestClient

from emendo.cli.workbench import Workbench
from emendo.ledger import Ledger
from emendo.models import load_model
from emendo.serve import Access, Engine, Shelf, create_app
from emendo.serve.store import Store

model = load_model()
folder = Path(tempfile.mkdtemp())
ledger = Ledger.open(model, Path(sys.argv[1]) if len(sys.argv) > 1 else folder / "ledger")
shelf = Shelf([(model, ledger)])
access = Access(token="may edit", chat_token="may chat")  # noqa: S106 - nobody else can reach this server

app = create_app(Engine(), shelf, Store(folder / "conversations.sqlite"), access, Workbench())
with TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": "Bearer may chat"}) as client:
    for served in client.get("/v1/models").json()["data"]:
        question = {"role": "user", "content": "What is the capital of California?"}
        body = {"model": served["id"], "messages": [question], "temperature": 0, "max_tokens": 24}
        answer = client.post("/v1/chat/completions", json=body).json()
        print(f"{served['id']}: {answer['choices'][0]['message']['content']}")
