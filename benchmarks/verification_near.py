"""Sentences about a claim's subject that say something else of it, in words that were never trained on: nothing follows from them.

Half of the wordings serve to fit the thresholds, half to measure; so do the subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

CLAIMS = {
    "person": ("The birthplace of {s} is Toronto.", "{s} was born in Toronto."),
    "parent": ("The mother of {s} is Jane Roe.", "The father of {s} is John Roe."),
    "company": ("The headquarters of {s} are in Toronto.", "{s} is headquartered in Toronto."),
    "country": ("The capital of {s} is Toronto.", "The largest city in {s} is Toronto."),
    "year": ("The year of birth of {s} is 1850.", "{s} was founded in 1850."),
}
SENTENCES = {
    "person": (
        "{s} lived in Lima.", "{s} moved to Lima as a young adult.", "{s} often travelled to Lima.", "{s} owned a house in Lima.",
        "{s} spent the summer in Lima.", "{s} gave a concert in Lima.", "A street in Lima bears the name of {s}.",
        "{s} was arrested in Lima.", "{s} was elected in Lima.", "The archive of {s} is kept in Lima.",
        "{s} is buried in Lima.", "{s} has taught in Lima.", "{s} opened a shop in Lima.", "{s} was crowned in Lima.",
    ),
    "parent": (
        "{s} met Mary Poe.", "{s} was a friend of Mary Poe.", "{s} wrote letters to Mary Poe.", "{s} was a pupil of Mary Poe.",
        "{s} is a cousin of Mary Poe.", "{s} was succeeded by Mary Poe.", "{s} defeated Mary Poe.", "Mary Poe painted {s}.",
        "Mary Poe is the daughter of {s}.", "{s} admired Mary Poe.", "Mary Poe accompanied {s}.", "{s} hired Mary Poe.",
    ),
    "company": (
        "{s} opened an office in Lima.", "{s} sells its goods in Lima.", "{s} was sued in Lima.", "{s} has a factory in Lima.",
        "{s} held its meeting in Lima.", "{s} left Lima.", "{s} is listed on the exchange in Lima.", "{s} delivers to Lima.",
        "{s} was praised in Lima.", "{s} sponsors a club in Lima.",
    ),
    "country": (
        "{s} trades with Peru.", "{s} signed a treaty in Lima.", "{s} has an embassy in Lima.", "{s} played a match in Lima.",
        "An envoy of {s} arrived in Lima.", "{s} lost a war against Peru.", "The team of {s} won in Lima.",
        "{s} sent ships to Lima.", "{s} has a university in Lima.", "A road leads from {s} to Lima.",
    ),
    "year": (
        "{s} was first mentioned in 1871.", "{s} was honoured in 1871.", "{s} won a prize in 1871.", "{s} was renamed in 1871.",
        "{s} moved to Lima in 1871.", "{s} was sold in 1871.", "{s} grew quickly after 1871.", "{s} returned in 1871.",
        "A portrait of {s} was made in 1871.", "{s} was described in 1871.",
    ),
}  # fmt: skip
SUBJECTS = (
    "Ada Brown", "Nils Holgersen", "Maria Keller", "Omar Haddad", "Northwind Traders", "Acme Holdings", "Ruritania", "Freedonia",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Near:
    """A claim beside a sentence that does not decide it."""

    claim: str
    evidence: str


def near_pairs(*, tuning: bool) -> list[Near]:
    """The pairs of one half of wordings and subjects."""
    half = slice(0 if tuning else 1, None, 2)
    return [
        Near(claim=claim.format(s=subject), evidence=sentence.format(s=subject))
        for kind, sentences in SENTENCES.items()
        for sentence, claim, subject in product(sentences[half], CLAIMS[kind], SUBJECTS[half])
    ]
