"""Load a causal language model, name its parts alike for every family, and run it at a revision."""

from emendo.models.architecture import ARCHITECTURES, Architecture
from emendo.models.batch import Batch, Choice
from emendo.models.decoding import ORIGINAL, Generation, chat_prompt, chat_text, generate
from emendo.models.delta import SiteDelta, WeightDelta
from emendo.models.editable import EditableModel
from emendo.models.equality import Equality, check_equality
from emendo.models.hooks import Site, capture, patch_activation, read_until
from emendo.models.kept_states import KeptStates
from emendo.models.loading import auto_class, load_again, load_model, loaded_from
from emendo.models.packing import can_pack
from emendo.models.precision import matrix_units
from emendo.models.revision import Revision, at_revisions
from emendo.models.rows import Row, Sampling, Token
from emendo.models.titles import title_of
from emendo.models.tokens import TokenBatch, encode, subject_spans, target_ids

__all__ = [
    "ARCHITECTURES",
    "ORIGINAL",
    "Architecture",
    "Batch",
    "Choice",
    "EditableModel",
    "Equality",
    "Generation",
    "KeptStates",
    "Revision",
    "Row",
    "Sampling",
    "Site",
    "SiteDelta",
    "Token",
    "TokenBatch",
    "WeightDelta",
    "at_revisions",
    "auto_class",
    "can_pack",
    "capture",
    "chat_prompt",
    "chat_text",
    "check_equality",
    "encode",
    "generate",
    "load_again",
    "load_model",
    "loaded_from",
    "matrix_units",
    "patch_activation",
    "read_until",
    "subject_spans",
    "target_ids",
    "title_of",
]
