"""People: birth and death, family, language, work, play."""

from __future__ import annotations

from emendo.verify.relations._relation import Relation

RELATIONS = (
    Relation(
        name="birthplace",
        label="birthplace",
        nouns=("birthplace", "place of birth"),
        wordings=(
            "{s} {is} born in (?:the city of )?{v}",
            "{s} {is} (?:native to|originally from) {v}",
            "{s} originate[sd] from {v}",
        ),
    ),
    Relation(
        name="birth_date",
        label="date of birth",
        nouns=("(?:date|year) of birth", "birth(?:day| date| year)"),
        wordings=("{s} {is} born (?:in|on) {v}",),
        domain="date",
    ),
    Relation(
        name="deathplace",
        label="place of death",
        nouns=("place of death",),
        wordings=(
            "{s} (?:died|expired|passed away) (?:in|at) (?:the city of )?{v}",
            "{s}'s life ended in {v}",
        ),
    ),
    Relation(
        name="death_date",
        label="date of death",
        nouns=("(?:date|year) of death",),
        wordings=("{s} (?:died|passed away) (?:in|on) {v}",),
        domain="date",
    ),
    Relation(
        name="election_year",
        label="year of election",
        wordings=("{s} {is} elected in {v}",),
        domain="date",
        is_functional=False,
    ),
    Relation(
        name="native_language",
        label="native language",
        nouns=("native language", "mother tongue", "first language"),
        wordings=("{s} {is} a native speaker of {v}", "{s}, a native {v} speaker"),
        domain="word",
    ),
    Relation(
        name="speaks",
        label="language",
        implied_by=("native_language",),
        wordings=(
            "{s} (?:speaks|spoke|writes in|wrote in) (?:the language (?:of )?)?{v}",
            "{s}, speaker of {v}",
            "the language used by {s} {is} {v}",
        ),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="occupation",
        label="occupation",
        nouns=("occupation", "profession"),
        wordings=("{s},? (?:who )?works as (?:an? )?{v}", "by profession,? {s} {is} (?:an? )?{v}"),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="field",
        label="field of work",
        nouns=("(?:domain|area|field) of (?:activity|work)", "expertise"),
        wordings=("{s} works in the (?:area|field) of {v}",),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="employer",
        label="employer",
        nouns=("employer",),
        wordings=("{s},? (?:who )?{is} employed by {v}", "{s} works for {v}"),
        is_functional=False,
    ),
    Relation(
        name="workplace",
        label="place of work",
        wordings=("{s} (?:used to work|worked|{is} employed|found employment|took up work) in (?:the city of )?{v}",),
        is_functional=False,
    ),
    Relation(
        name="citizenship",
        label="citizenship",
        nouns=("citizenship", "nationality"),
        wordings=(
            "{s},? (?:who )?{is} a citizen of {v}",
            "{s}, a citizen of {v}",
            "{s},? (?:who )?(?:has|holds) a citizenship from {v}",
        ),
        is_functional=False,
    ),
    Relation(
        name="position",
        label="position",
        wordings=("{s},? (?:who )?(?:has the position of|holds the title of) {v}",),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="religion",
        label="religion",
        nouns=("(?:official )?religion",),
        wordings=("{s} (?:follows the religion of|{is} affiliated with the religion) {v}",),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="university",
        label="university",
        wordings=(
            "{s} (?:went to university at|attended|studied at|graduated from) {v}",
            "for university,? {s} attended {v}",
        ),
        is_functional=False,
    ),
    Relation(
        name="instrument",
        label="instrument",
        wordings=(
            "{s} plays the (?:instrument )?(?!sport of|position of){v}",
            "{s} plays the instrument {v}",
            "{s}, (?:performing on|playing) the {v}",
        ),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="sport",
        label="sport",
        wordings=("{s} plays the sport of {v}", "{s} {is} a professional {v} player"),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="playing_position",
        label="playing position",
        wordings=(
            "{s},? (?:who )?plays (?:in the position of|the position|as) (?:an? )?{v}",
            "in their sport,? {s} plays as (?:an? )?{v}",
        ),
        domain="word",
        is_functional=False,
    ),
    Relation(
        name="genre",
        label="genre",
        nouns=("genre", "genre played by"),
        wordings=("{s} (?:performs|{is} known for performing) {v}",),
        domain="word",
        is_functional=False,
    ),
    Relation(name="father", label="father", nouns=("father",), wordings=("{s}'s father {is} named {v}",)),
    Relation(name="mother", label="mother", nouns=("mother",), wordings=("{s}'s mother {is} named {v}",)),
    Relation(name="secret_identity", label="secret identity", nouns=("secret identity",)),
    Relation(name="archnemesis", label="archnemesis", nouns=("(?:superhero )?archnemesis",), is_functional=False),
    Relation(
        name="lead_singer",
        label="band",
        wordings=("{s} {is} the lead singer of (?:the band )?{v}",),
        is_functional=False,
    ),
)
