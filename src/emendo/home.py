"""Where Emendo keeps what it fetches and computes.

    $EMENDO_HOME/models/          converted models
    $EMENDO_HOME/second_moments/  statistics, keyed by digests
    $EMENDO_HOME/ledgers/         one history a model digest
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_dir


def default_home() -> Path:
    """``$EMENDO_HOME``, or the user's data folder."""
    chosen = os.environ.get("EMENDO_HOME")
    return Path(chosen).expanduser() if chosen else Path(user_data_dir("emendo"))
