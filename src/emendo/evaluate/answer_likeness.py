"""Whether an answer stayed what it was.

Of both answers the first sentence counts. With A and B the content words of the edited and the unedited one, which are those
that stand neither in the question nor in a list of function words:

    F1    2 Σ min(A, B) / (|A| + |B|)            over the counts of words; 1 where neither has any
    kept  the answers are the same but for case, or F1 ≥ 0.5 and the edited one does not name the new target, unless the
          unedited one does
    leaked  the edited one names the new target, and the unedited one does not
"""

from __future__ import annotations

import re
from collections import Counter

from emendo.evaluate.naming import first_sentence, plain
from emendo.evaluate.observation import AskedAnswer

LEAST_F1 = 0.5
_FUNCTION_WORDS = frozenset(
    "a an and are as at be been being but by can could did do does for from had has have he her here hers him his i in into is it "
    "its may me might more most my no nor not of on one or our she should so some such than that the their them then there these "
    "they this those to too was we were what when where which while who whom whose why will with would yes you your s".split()
)


def is_same(after: AskedAnswer, before: AskedAnswer) -> bool:
    """Whether two answers are the same text, but for case."""
    return after.text.strip().casefold() == before.text.strip().casefold()


def is_leaked(after: AskedAnswer, before: AskedAnswer) -> bool:
    """Whether the new target has come into the answer."""
    return after.names_new and not before.names_new


def is_kept(after: AskedAnswer, before: AskedAnswer) -> bool:
    """Whether the answer still says what it said."""
    if is_same(after, before):
        return True
    return not is_leaked(after, before) and content_f1(after.text, before.text, after.question) >= LEAST_F1


def content_f1(one: str, other: str, question: str) -> float:
    """F1 of the content words of the first sentences of two answers to a question, in [0, 1]."""
    asked = set(_words(question)) | _FUNCTION_WORDS
    a, b = (Counter(word for word in _words(first_sentence(text)) if word not in asked) for text in (one, other))
    if not a and not b:
        return 1.0
    return 2 * (a & b).total() / (a.total() + b.total())


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", plain(text))
