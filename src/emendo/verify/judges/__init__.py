"""Judges, one module each.

A judge defines `IS_REPEATABLE` (whether it says the same of the same words wherever it is asked), `IS_FALLBACK` (whether it is
asked only about claims of which no other judge has an opinion), `Config` with `Config.of(argument)`, `version(config)` and
`judge(claim, passage, config)`, which gives its opinions on a claim in the light of one passage: none where it is out of its
depth.
"""
