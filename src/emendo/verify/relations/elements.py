"""Chemical elements."""

from __future__ import annotations

from emendo.verify.relations._relation import Relation

RELATIONS = (
    Relation(
        name="symbol",
        label="chemical symbol",
        nouns=("(?:chemical |atomic )?symbol",),
        wordings=(
            "{s} {is} an? (?:\\w+ ){0,2}element with (?:the )?(?:chemical |atomic )?symbol {v}",
            "{s} has the (?:chemical |atomic )?symbol {v}",
            "the (?:chemical |atomic )?symbol for {s} {is} {v}",
        ),
        domain="word",
    ),
    Relation(
        name="atomic_number",
        label="atomic number",
        nouns=("atomic number",),
        wordings=("{s} has (?:an|the) atomic number (?:of )?{v}",),
        domain="number",
    ),
    Relation(
        name="atomic_mass",
        label="atomic mass",
        nouns=("(?:standard |relative )?atomic (?:mass|weight)",),
        wordings=("{s} has (?:an|the) atomic (?:mass|weight) (?:of )?{v}",),
        domain="number",
        tolerance=0.01,
    ),
)
