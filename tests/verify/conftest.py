"""Sources and judges that have read their tables, shared by the tests."""

from __future__ import annotations

import pytest

from emendo.verify import Judge, Source, open_judge, open_source
from emendo.verify.judges import slots
from emendo.verify.tables._gazetteer import Gazetteer


@pytest.fixture(scope="session")
def facts() -> Source:
    """The embedded tables."""
    return open_source("facts")


@pytest.fixture(scope="session")
def slots_config() -> slots.Config:
    """The configuration of the judge, which keeps the places it has read."""
    return slots.Config()


@pytest.fixture(scope="session")
def judges(slots_config: slots.Config) -> list[Judge]:
    """The judge that decides by default."""
    return [open_judge("slots", slots_config)]


@pytest.fixture(scope="session")
def gazetteer(slots_config: slots.Config) -> Gazetteer:
    """The places that the judge knows."""
    return slots_config.gazetteer
