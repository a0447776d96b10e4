"""Long jobs as independent pieces whose results are kept by content, computed here, by a pool of processes or by a cluster."""

from emendo.pieces.crew import EXECUTORS, Crew
from emendo.pieces.run import forget_pieces, run_pieces
from emendo.pieces.source_code import code_digest, module_digest
from emendo.pieces.work import Work, torch_threads

__all__ = [
    "EXECUTORS",
    "Crew",
    "Work",
    "code_digest",
    "forget_pieces",
    "module_digest",
    "run_pieces",
    "torch_threads",
]
