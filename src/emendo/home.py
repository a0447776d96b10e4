"""Where Emendo keeps what it fetches and computes.

Under ``$EMENDO_HOME``, `models` holds converted models, `second_moments` statistics keyed by digests, and `ledgers` one
history for each model digest.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_dir


def default_home() -> Path:
    """``$EMENDO_HOME``, or the user's data folder."""
    chosen = os.environ.get("EMENDO_HOME")
    return Path(chosen).expanduser() if chosen else Path(user_data_dir("emendo"))
