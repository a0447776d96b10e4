"""The relations whose statements are understood, and how they are worded.

A wording is a pattern in which {s} is the subject, {v} the value and {is} a form of "to be", with or without "not". A noun N
of a relation stands for the wordings "the N of {s} {is} {v}", "{s}'s N {is} {v}", "{v} {is} the N of {s}", "{v} {is} {s}'s N"
and "{v}, the N of {s}". The families are those of CounterFact (Meng et al. 2022) and of the relations of Hernandez et al.
(2023), with those that tables of places and elements hold besides.

A relation is functional where a subject has one value, so that another value is refuted by it: capital, birthplace. Where a
subject may have several (languages spoken, genres) evidence supports and never refutes. A relation that changes holds for now:
what is said of the past is not judged by it.
"""

from emendo.verify.relations import elements, people, places, works
from emendo.verify.relations._relation import Relation

RELATIONS = {relation.name: relation for family in (places, elements, people, works) for relation in family.RELATIONS}

__all__ = ["RELATIONS", "Relation"]
