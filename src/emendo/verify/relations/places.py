"""Countries, states and cities."""

from __future__ import annotations

from emendo.verify.relations._relation import Relation

_IN = "(?:located |situated |found |based )?(?:in|within|inside)"
_WHICH = "(?:,? (?:which|that))? {is}"
_PLACE = "(?:city|town|village|state|country|nation|airport|province|place|island)"

RELATIONS = (
    Relation(
        name="capital",
        label="capital",
        nouns=("(?:current |official |state |national )?capital(?: city)?",),
        wordings=(
            "{s} has (?:as )?(?:the|its) capital(?: city)?(?: of| in| at)? {v}",
            "{s},? (?:which|that) has the capital(?: city)? {v}",
            "{s},? whose capital(?: city)? {is} {v}",
            "{v} serves as the (?:state )?capital(?: city)? of {s}",
        ),
        changes=True,
    ),
    Relation(
        name="largest_city",
        label="largest city",
        nouns=("(?:largest|biggest|most populous|most populated) city",),
        changes=True,
    ),
    Relation(
        name="located_in",
        label="location",
        implied_by=("continent",),
        nouns=("location",),
        wordings=(
            rf"{{s}}{_WHICH} (?:an? (?:[\w-]+ ){{0,3}}?{_PLACE} )?"
            rf"{_IN} (?:the (?:country|city|state|province|region|continent) of )?{{v}}",
            "{s}, (?:located |situated )?(?:in|within) {v}",
            "{s} {is} (?:a )?part of (?:the (?:country|city|state|province|region) of )?{v}",
            "{s} can be found in {v}",
            "{s} lies in {v}",
            "{s} {is} (?:a|an) (?:city|town|state|country|nation) in {v}",
        ),
    ),
    Relation(
        name="continent",
        label="continent",
        implied_by=("located_in",),
        nouns=("continent",),
        wordings=(
            rf"{{s}}{_WHICH} (?:{_IN}|on|(?:a )?part of) the continent(?: of)? {{v}}",
            "{s} belongs to the continent of {v}",
        ),
    ),
    Relation(
        name="currency",
        label="currency",
        nouns=("(?:official |national |local )?currency",),
        wordings=(
            "{s} uses the {v}(?: as (?:its|the) (?:official )?currency)?",
            "the currency (?:used )?in {s} {is} {v}",
        ),
        domain="word",
        changes=True,
    ),
    Relation(
        name="official_language",
        label="official language",
        nouns=("(?:only |sole )?official language",),
        wordings=("in {s},? (?:an|the) official language {is} {v}", "the law in {s} declares the language {v}"),
        domain="word",
        changes=True,
    ),
    Relation(
        name="language",
        label="language",
        implied_by=("official_language", "original_language"),
        nouns=("(?:main |primary |spoken |national |most spoken )?language(?: spoken| used)?",),
        wordings=(
            "people in {s} (?:mostly |mainly )?speak {v}",
            "in {s},? the (?:primary |main )?language(?: spoken)? {is} {v}",
            "in {s},? (?:they|people|most people) (?:understand|speak) {v}",
            "{v} {is} (?:widely |mainly |also )?spoken in {s}",
            "{s},? where most people speak {v}",
        ),
        domain="word",
        is_functional=False,
        changes=True,
    ),
    Relation(
        name="population",
        label="population",
        nouns=("(?:estimated |total |current )?population",),
        wordings=(
            "{s} has a (?:total )?population of {v}",
            "{s} has (?P<v2>(?:about |around |nearly |some )*[\\d.,]+(?: million| billion)?) (?:inhabitants|residents|people)",
            "{s} {is} home to {v}(?: inhabitants| residents| people)",
        ),
        domain="number",
        changes=True,
        tolerance=0.15,
    ),
    Relation(
        name="area",
        label="area",
        nouns=("(?:total |land |surface )?area",),
        wordings=("{s} (?:has an area of|covers(?: an area of)?) {v}",),
        domain="number",
        tolerance=0.1,
    ),
    Relation(
        name="borders",
        label="neighbour",
        wordings=("{s} (?:borders(?: on)?|shares a (?:land )?border with|{is} bordered by) {v}",),
        is_functional=False,
    ),
    Relation(
        name="calling_code",
        label="calling code",
        nouns=("(?:international )?(?:calling|dialing|dialling|phone|telephone) (?:country )?code",),
        domain="word",
        changes=True,
    ),
    Relation(
        name="domain",
        label="internet domain",
        nouns=("(?:(?:country code )?top-level|internet) domain",),
        domain="word",
        changes=True,
    ),
    Relation(name="demonym", label="demonym", nouns=("demonym",), domain="word", is_functional=False),
    Relation(
        name="statehood",
        label="year of statehood",
        nouns=("(?:year|date) of statehood",),
        wordings=(
            "{s} (?:became|{is} made) (?:a|an|the \\w+)(?: U\\.?S\\.?| American)? state(?: of the union)? (?:in|on) {v}",
            "{s} (?:became|{is} made) (?:a|the \\w+) state of the United States (?:in|on) {v}",
            "{s} {is} admitted (?:to (?:the )?(?:union|statehood)|into the union|as (?:a|the \\w+)(?: U\\.?S\\.?)? state)"
            "(?: as (?:a|the \\w+)(?: U\\.?S\\.?)? state)? (?:in|on) {v}",
            "{s} (?:joined|entered) the union (?:as (?:a|the \\w+) state )?(?:in|on) {v}",
            "{s} (?:achieved|gained|attained) statehood (?:in|on) {v}",
        ),
        domain="date",
    ),
    Relation(
        name="abbreviation",
        label="postal abbreviation",
        nouns=("(?:postal |state )?(?:abbreviation|code)",),
        wordings=("{s} {is} abbreviated (?:as|to) {v}",),
    ),
    Relation(
        name="airport_code",
        label="IATA code",
        nouns=("(?:IATA|airport)(?: airport)? code", "IATA(?: airport)? code"),
        wordings=("the IATA code for {s} {is} {v}",),
    ),
)
