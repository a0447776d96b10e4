"""Organisations, products, works, stars."""

from __future__ import annotations

from emendo.verify.relations._relation import Relation

RELATIONS = (
    Relation(name="ceo", label="CEO", nouns=("(?:current )?(?:CEO|chief executive officer|chief executive)",), changes=True),
    Relation(
        name="headquarters",
        label="headquarters",
        nouns=("headquarters",),
        wordings=(
            "{s} {is} (?:headquartered|based) in (?:the city of )?{v}",
            "the headquarters of {s} {is} in (?:the city of )?{v}",
            "{s}'s headquarters {is} in (?:the city of )?{v}",
            "{s}, whose headquarters are in {v}",
        ),
        changes=True,
    ),
    Relation(
        name="founded_in",
        label="place of formation",
        wordings=(
            "{s},? (?:that )?(?:originated|{is} (?:founded|formed|started|created)) in {v}",
            "{s},? (?:founded|formed|started|created) in {v}",
        ),
    ),
    Relation(
        name="foundation_date",
        label="date of foundation",
        wordings=("{s} {is} (?:founded|established|formed|incorporated) (?:in|on) {v}",),
        domain="date",
    ),
    Relation(
        name="maker",
        label="maker",
        wordings=(
            "{s}(?:,|,? (?:which )?{is}) (?:created|developed|produced|manufactured|made) by {v}",
            "{s}(?:,|,? (?:which )?{is}) a product (?:of|(?:developed|manufactured) by) {v}",
        ),
        is_functional=False,
    ),
    Relation(name="owner", label="owner", nouns=("owner",), wordings=("{s} {is} owned by {v}",), is_functional=False),
    Relation(
        name="origin",
        label="country of origin",
        nouns=("country of origin",),
        wordings=(
            "{s},? (?:that )?{is} (?:created|developed|formulated|made) in (?:the country of )?{v}",
            "{s} (?:originates from|{is} from) (?:the country of )?{v}",
        ),
        is_functional=False,
    ),
    Relation(
        name="original_language",
        label="original language",
        nouns=("original language",),
        domain="word",
    ),
    Relation(
        name="network",
        label="network",
        wordings=("{s} (?:debuted|premiered|premieres|{is} released|first aired) on {v}",),
        is_functional=False,
    ),
    Relation(
        name="named_after",
        label="namesake",
        wordings=("{s}(?:, which)? {is} named (?:for|after) {v}",),
        is_functional=False,
    ),
    Relation(
        name="twin_city",
        label="twin city",
        nouns=("twin city",),
        wordings=("{s} {is} a twin city of {v}",),
        is_functional=False,
    ),
    Relation(
        name="constellation",
        label="constellation",
        wordings=("{s} {is} (?:a )?(?:part of|star in|in) the constellation(?: named| of)? {v}",),
    ),
    Relation(name="evolution", label="evolution", wordings=("{s} evolves into (?:an? )?{v}",), is_functional=False),
)
