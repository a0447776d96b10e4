"""Texts in which a subject stands: about something else than a fact tells, at the beginning of a sentence, in a question.

What a gate opens at, or stays shut at, in texts that nobody has thought of is decided by those it is shown. So they are many, of
subjects of any kind, and none is among what evaluations ask about subjects; questions are asked in chat.
"""

from __future__ import annotations

from emendo.edit.lists import read_list

TEXTS = read_list("texts.txt")
# A subject at the beginning of a sentence, after which anything may be said of it.
BEGINNINGS = read_list("beginnings.txt")
# A question within what is said in chat.
ASKED = ("Do you know this? {}", "{} Please answer in a few words.", "I have a question for you. {}")
