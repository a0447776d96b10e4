"""Search engines of the web, one module each.

An engine defines `ENDPOINT` (None for one that runs where its user says), `KEY` (the environment variable that holds its key, or
None), `PAUSE` (seconds between two searches) and `hits(words, endpoint, key, fetcher)`, which gives the pages it finds.
"""

from emendo.registry import Registry
from emendo.verify.engines._hit import Hit

ENGINES = Registry("emendo.verify.engines", "engine")

__all__ = ["ENGINES", "Hit"]
