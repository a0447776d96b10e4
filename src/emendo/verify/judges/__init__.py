"""Judges, one module each.

A judge defines `Config`, `version(config)` and `judge(claim, passage, config)`, which gives its opinions on a claim in the light of
one passage: none where it is out of its depth.
"""
