"""The statements that are located, edited and checked, and the files they stand in."""

from emendo.facts.fact import EditRequest, Fact
from emendo.facts.files import read_facts, read_requests

__all__ = ["EditRequest", "Fact", "read_facts", "read_requests"]
