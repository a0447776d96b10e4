"""Currencies and languages of countries by CLDR (package `babel`).

The list of a country's official languages is complete; those that are official in a part of it are neither supported nor refuted.
The list of languages that are spoken is not complete.
"""

from __future__ import annotations

from collections.abc import Iterator

from babel import Locale
from babel.languages import get_territory_language_info
from babel.numbers import get_territory_currencies

from emendo.verify.tables._countries import country_names
from emendo.verify.tables._row import Name, Row
from emendo.verify.tables._row import no_lookup as open_lookup

PACKAGE = "babel"
ORIGIN = "CLDR"
LICENCE = "Unicode-3.0"
RELATIONS = ("currency", "official_language", "language")
__all__ = ["LICENCE", "ORIGIN", "PACKAGE", "RELATIONS", "open_lookup", "other_values", "rows"]
_SPOKEN_BY = 5.0
_EVERYWHERE = ("official", "de_facto_official")


def rows() -> Iterator[Row]:
    """One row a country and relation."""
    english = Locale("en")
    for code, subject in country_names().items():
        money = [str(currency) for currency in get_territory_currencies(code)]
        currencies = tuple(_currency(english.currencies[code], code) for code in money if code in english.currencies)
        told = get_territory_language_info(code)
        # Some are listed by code alone.
        spoken = {tag: row for tag, row in told.items() if tag.split("_")[0] in english.languages}
        official = [tag for tag, row in spoken.items() if row["official_status"] in _EVERYWHERE]
        regional = [tag for tag, row in spoken.items() if row["official_status"] and tag not in official]
        common = [
            tag
            for tag, row in spoken.items()
            if float(row["population_percent"] or 0) >= _SPOKEN_BY or row["official_status"]
        ]
        values = {
            "currency": currencies,
            "official_language": tuple(_language(english, tag) for tag in official),
            "language": tuple(_language(english, tag) for tag in common),
        }
        for relation, known in values.items():
            if known:
                yield Row(
                    subject=subject,
                    entity=f"country {code}",
                    relation=relation,
                    values=known,
                    partly=tuple(_language(english, tag) for tag in regional) if relation == "official_language" else (),
                    is_complete=relation != "language",
                )


def other_values() -> Iterator[Name]:
    """Every language, so that one which is official nowhere is known to be one."""
    english = Locale("en")
    for tag in map(str, english.languages):
        if "_" not in tag:
            yield _language(english, tag)


def _currency(name: str, code: str) -> Name:
    unit = name.split()[-1]
    return Name(name=name, kind="currency", aliases=(code, unit, unit + "s", name + "s", *_MONEY.get(code, ())))


def _language(english: Locale, tag: str) -> Name:
    name = english.languages.get(tag) or english.languages[tag.split("_")[0]]
    return Name(name=name, kind="language", aliases=_DIALECTS.get(tag.split("_")[0], ()))


_MONEY = {
    "CNY": ("renminbi", "RMB", "yuan renminbi", "Chinese renminbi"),
    "GBP": ("pound sterling", "sterling"),
    "ILS": ("Israeli shekel",),
    "USD": ("United States dollar", "American dollar"),
    "TRY": ("Turkish lira",),
}
# What CLDR tells apart and people do not.
_DIALECTS = {
    "zh": ("Mandarin", "Mandarin Chinese"),
    "fa": ("Farsi", "Dari"),
    "fil": ("Tagalog",),
    "nb": ("Norwegian",),
    "no": ("Norwegian Bokmål",),
    "el": ("Modern Greek",),
    "es": ("Castilian",),
    "sr": ("Serbo-Croatian",),
    "ms": ("Malaysian",),
    "ht": ("Haitian",),
}
