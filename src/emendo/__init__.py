"""Emendo: find, fix and vouch for the facts inside language models."""

__version__ = "0.1.0"
