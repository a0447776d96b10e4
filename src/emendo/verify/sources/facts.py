"""Structured tables: countries, states, cities, currencies, languages, elements, airports, and any CSV file with a mapping.

A claim that was read as subject, relation and value is looked up by relation and subject; each row that is found is a passage,
cited with the package and its version. A subject's namesakes are all found, and told apart.

A table of one's own is a YAML file beside a CSV file:

    csv: ceos.csv            licence: CC0-1.0            date: 2026-05-01
    subject: company         columns: {ceo: chief, headquarters: seat}
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version as package_version
from pathlib import Path

import yaml

from emendo.errors import DataUnavailable, InvalidRequest
from emendo.verify.claims import Claim
from emendo.verify.evidence import Passage, Record, Value
from emendo.verify.names import fold
from emendo.verify.relations import RELATIONS
from emendo.verify.statements import Statement
from emendo.verify.tables import TABLES, Name, Row


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which tables.

    Attributes:
        tables: Names of tables; None for all that are known.
        mapping: A YAML file that describes a table of one's own, used beside them.
    """

    tables: tuple[str, ...] | None = None
    mapping: Path | None = None

    @classmethod
    def of(cls, argument: str) -> Config:
        """From what follows "facts:" on the command line: a mapping, or nothing.

        Raises:
            DataUnavailable: The mapping or its table cannot be read.
            InvalidRequest: They do not fit together.
        """
        if not argument:
            return cls()
        path = Path(argument).expanduser()
        # A mistake in the mapping is told before anything is checked.
        _own(path)
        return cls(mapping=path)

    @cached_property
    def shelf(self) -> Shelf:
        """The tables, read one relation at a time."""
        names = TABLES.names() if self.tables is None else self.tables
        tables = [_packaged(name) for name in names]
        return Shelf(tables=(*tables, *([_own(self.mapping)] if self.mapping else [])))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table and where it comes from."""

    name: str
    origin: str
    cited: str
    licence: str
    date: str | None
    relations: tuple[str, ...]
    rows: tuple[Row, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The tables with an index a relation, made when it is first asked for."""

    tables: tuple[Table, ...]
    indices: dict[str, Index] = field(default_factory=dict, repr=False, compare=False)
    lookups: dict[str, Callable[[str, str], list[Row]]] = field(default_factory=dict, repr=False, compare=False)
    read: dict[str, list[Row]] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, relation: str, subject: str) -> list[tuple[Table, Row]]:
        """The rows about a subject and all its namesakes, the best known first."""
        found = list(self.index(relation).rows.get(fold(subject), ()))
        for table in self.tables:
            if relation in table.relations and table.rows is None:
                if table.name not in self.lookups:
                    self.lookups[table.name] = TABLES.get(table.name).open_lookup()
                found += [(table, row) for row in self.lookups[table.name](relation, subject)]
        return sorted(found, key=lambda pair: (-pair[1].prominence, pair[1].entity))

    def index(self, relation: str) -> Index:
        """The rows of a relation by the folded names of their subjects."""
        if relation not in self.indices:
            tables = [table for table in self.tables if relation in table.relations]
            for table in tables:
                if table.name not in self.read:
                    self.read[table.name] = list(_rows(table))
            self.indices[relation] = Index.of(relation, [(table, self.read[table.name]) for table in tables])
        return self.indices[relation]


@dataclass(frozen=True, kw_only=True)
class Index:
    """Rows by the names of their subjects, and kinds by the names of values."""

    rows: dict[str, list[tuple[Table, Row]]] = field(repr=False)
    kinds: dict[str, set[str]] = field(repr=False)

    @classmethod
    def of(cls, relation: str, tables: list[tuple[Table, list[Row]]]) -> Index:
        """The index of one relation over some tables."""
        rows: dict[str, list[tuple[Table, Row]]] = defaultdict(list)
        kinds: dict[str, set[str]] = defaultdict(set)
        spellings: dict[Name, set[str]] = {}

        def spelled(name: Name) -> set[str]:
            if name not in spellings:
                spellings[name] = _folded(name) - {""}
            return spellings[name]

        for table, held in tables:
            for row in held:
                if row.relation != relation:
                    continue
                for spelling in spelled(row.subject):
                    rows[spelling].append((table, row))
                for value in (*row.values, *row.partly):
                    for spelling in spelled(value) if value.kind else ():
                        kinds[spelling].add(value.kind)
            for value in _other_values(table):
                for spelling in spelled(value):
                    kinds[spelling].add(value.kind)
        return cls(rows=rows, kinds=kinds)


def version(config: Config) -> str:
    """The tables with their packages' versions."""
    return "; ".join(sorted({table.cited for table in config.shelf.tables}))


def search(claim: Claim, limit: int, config: Config) -> list[Passage]:
    """The rows about the subjects of a claim's readings, the best known subject first; empty where no wording was read."""
    found: list[Passage] = []
    for statement in claim.statements:
        index = config.shelf.index(statement.relation)
        rows = config.shelf.rows(statement.relation, statement.subject)[:limit]
        found += [_passage(table, row, statement, index) for table, row in rows]
    return found


def _passage(table: Table, row: Row, statement: Statement, index: Index) -> Passage:
    asked = fold(statement.value)
    values = tuple(
        Value(
            name=value.name,
            kind=value.kind,
            also=(statement.value,) if asked != fold(value.name) and asked in _folded(value) else (),
        )
        for value in row.values
    )
    record = Record(
        subject=statement.subject,
        entity=row.entity,
        relation=row.relation,
        values=values,
        partly=(statement.value,) if any(asked in _folded(name) for name in row.partly) else (),
        is_complete=row.is_complete,
        prominence=row.prominence,
        asked_kinds=tuple((statement.value, kind) for kind in sorted(index.kinds.get(asked, ()))),
    )
    label = RELATIONS[row.relation].label
    return Passage(
        source="facts",
        origin=table.origin,
        locator=f"{table.cited}, {table.name}: {row.entity}",
        text=f"{row.subject.name}: {label}: {', '.join(value.name for value in row.values)}",
        licence=table.licence,
        date=table.date,
        record=record,
    )


def _folded(name: Name) -> set[str]:
    return {fold(spelling) for spelling in (name.name, *name.aliases)}


def _packaged(name: str) -> Table:
    module = TABLES.get(name)
    cited = f"{module.PACKAGE} {package_version(module.PACKAGE)}"
    return Table(
        name=name, origin=module.ORIGIN, cited=cited, licence=module.LICENCE, date=None, relations=tuple(module.RELATIONS)
    )


def _rows(table: Table) -> Iterator[Row]:
    if table.rows is not None:
        yield from table.rows
    else:
        yield from TABLES.get(table.name).rows()


def _other_values(table: Table) -> Iterator[Name]:
    if table.rows is None:
        yield from TABLES.get(table.name).other_values()


def _own(mapping: Path) -> Table:
    """A table from a CSV file and its mapping."""
    try:
        told = yaml.safe_load(mapping.read_text(encoding="utf-8"))
        path = mapping.parent / told["csv"]
        subject, columns = str(told["subject"]), dict(told["columns"])
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnavailable(f"The mapping {mapping} cannot be read ({error}); name a YAML file.") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(
            f"The mapping {mapping} lacks a field or is no YAML ({error}); it needs 'csv', 'subject' and 'columns'."
        ) from error
    unknown = sorted(set(columns) - set(RELATIONS))
    if unknown:
        raise InvalidRequest(f"{mapping} maps the unknown relation '{unknown[0]}'; known: {', '.join(RELATIONS)}.")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataUnavailable(f"The table {path}, which {mapping} names, cannot be read ({error}).") from error
    missing = [column for column in (subject, *columns.values()) if lines and column not in lines[0]]
    if missing:
        raise InvalidRequest(f"{path} has no column '{missing[0]}'; it has {', '.join(lines[0])}.")
    rows = tuple(
        Row(
            subject=Name(name=line[subject]),
            entity=f"{path.name} line {at + 2}",
            relation=relation,
            values=tuple(Name(name=value.strip()) for value in line[column].split("|")),
        )
        for at, line in enumerate(lines)
        for relation, column in columns.items()
        if line[subject] and line[column]
    )
    digest = json.dumps([(row.subject.name, row.relation, [v.name for v in row.values]) for row in rows])
    return Table(
        name=path.stem,
        origin=str(path),
        cited=f"{path.name} {_short_digest(digest)}",
        licence=str(told.get("licence", "")),
        date=str(told["date"]) if "date" in told else None,
        relations=tuple(columns),
        rows=rows,
    )


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
