"""Words that tell of an error, a rumour or a story: a sentence that holds one is no evidence."""

from __future__ import annotations

import re

_HEARSAY = re.compile(
    r"\b(?:myths?|misconceptions?|rumou?rs?|rumou?red|falsely|false|incorrect(?:ly)?|wrong(?:ly)?|mistaken(?:ly)?|untrue|hoax|"
    r"fictional|fiction|novel|alleged(?:ly)?|claim(?:s|ed)?|supposed(?:ly)?|according to|said to|believed to|joke|pretend|"
    r"ignore|contrary to|unlike)\b",
    re.IGNORECASE,
)


def is_hearsay(sentence: str) -> bool:
    """Whether a sentence tells what somebody says, or what is not so, rather than what is."""
    return _HEARSAY.search(sentence) is not None
