"""Generate text for many at once, and chat over HTTP."""

from emendo.serve.app import create_app
from emendo.serve.engine import Engine
from emendo.serve.gate import Access
from emendo.serve.question import Answer, Question, RowRequest
from emendo.serve.served import Served, Shelf
from emendo.serve.workbench import Workbench

__all__ = ["Access", "Answer", "Engine", "Question", "RowRequest", "Served", "Shelf", "Workbench", "create_app"]
