"""An API of the Wikimedia projects, as the sources that ask one are configured."""

from __future__ import annotations

from dataclasses import dataclass, field

from emendo.errors import InvalidRequest
from emendo.verify.fetching import Fetcher, today


@dataclass(frozen=True, kw_only=True)
class WikimediaApi:
    """How an API is asked; each source adds its address.

    Attributes:
        fetcher: How to fetch.
        day: What is found on another day may differ.
    """

    fetcher: Fetcher = field(default_factory=Fetcher)
    day: str = field(default_factory=today)

    @classmethod
    def of(cls, argument: str) -> WikimediaApi:
        """Takes no argument.

        Raises:
            InvalidRequest: There is one.
        """
        if argument:
            raise InvalidRequest(f"This source takes no argument, and was given '{argument}'; name it alone.")
        return cls()
