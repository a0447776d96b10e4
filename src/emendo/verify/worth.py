"""Which sentences say something that evidence could bear out: not questions, opinions, hypotheses, instructions or talk.

A sentence that is not one of these is a claim. What is left out is not called true: it is `not_checkable`, with the reason.
"""

from __future__ import annotations

import re

QUESTION, HYPOTHESIS, INSTRUCTION, OPINION, TALK, FRAGMENT = (
    "a question",
    "a hypothesis",
    "an instruction",
    "an opinion",
    "talk, not a statement",
    "a fragment",
)
_HYPOTHESIS = re.compile(
    r"^(?:if|suppose|supposing|imagine|assuming|assume|let['’]s say|let us say|what if|in a (?:fictional|hypothetical|parallel|"
    r"fantasy)|once upon a time)\b|\b(?:would|could|might|perhaps|maybe|hypothetically|possibly)\b",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"^(?:please|try|use|click|open|run|add|remove|make sure|let['’]s|let me|remember|consider|note|see|check|visit|go to|"
    r"write|read|ask|ensure|avoid|keep|choose|select|install|type|press|do not|don['’]t|never|always|ignore|tell|give|take|"
    r"put|create|follow|stop|start|repeat|say|answer|output|respond)\b(?!\s+(?:is|was|are|were)\b)|"
    r"\byou (?:should|must|can|need|have to)\b",
    re.IGNORECASE,
)
_OPINION = re.compile(
    r"\b(?:i (?:think|believe|feel|guess|prefer|love|like|hope|wish)|in my (?:opinion|view)|arguably|unfortunately|"
    r"fortunately|should|ought|beautiful|wonderful|amazing|stunning|delicious|best|worst|favou?rite|boring|interesting|"
    r"fascinating|lovely|charming|must-see|breathtaking|vibrant|great (?:place|way|choice|city)|better than|"
    r"worth (?:a|the) visit)\b",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"^(?:sure|of course|certainly|absolutely|hello|hi|hey|thanks|thank you|you['’]re welcome|sorry|"
    r"i(?:['’]m| am) (?:sorry|happy|glad|an? )|as an ai|here (?:is|are)|here['’]s|great question|good question|"
    r"i (?:do not|don['’]t|can|can['’]t|cannot|hope|apologi[sz]e)|let me know|feel free|yes|no|ok|okay|i|my|you|your)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']+'(?!\w)|‘[^’]*’")
# Something is said of something where there is a verb; these are the forms that can be told from nouns.
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|does|do|did|will|can|became|become|becomes|[a-z]{3,}(?:ed|es|s)|born|wrote|won|led|"
    r"made|built|began|took|gave|fell|rose|grew|held|ran|sang|died|lies|lay|speak|known)\b"
)


def why_not_checkable(sentence: str, *, is_read: bool = False) -> str | None:
    """What a sentence is instead of a claim; None where it is one.

    Args:
        sentence: The sentence.
        is_read: Whether a relation was read from it: then words of praise and of talk beside it do not make it an opinion.
    """
    # What stands in quotation marks is a title or somebody else's words.
    text = _QUOTED.sub("…", sentence).strip()
    if text.rstrip("\"'”’)*_ ").endswith("?"):
        return QUESTION
    if _HYPOTHESIS.search(text):
        return HYPOTHESIS
    if is_read:
        return None
    if _INSTRUCTION.search(text):
        return INSTRUCTION
    if _OPINION.search(text):
        return OPINION
    if _TALK.search(text):
        return TALK
    words = sentence.split()
    if len(words) < 3 or (len(words) == 3 and not _VERB.search(text)):
        return FRAGMENT
    return None
