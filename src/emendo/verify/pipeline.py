"""Verify an answer: claims → evidence → opinions → verdicts → report. The model that gave the answer is never asked.

Everything fails closed. A source that raises or takes too long is a failure of the claims it was searched for, and so is a judge;
another source may still decide them. The result depends on the question, the answer, the sources and the judges alone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from emendo import __version__
from emendo.errors import InvalidRequest
from emendo.verify.aggregate import verdict_of
from emendo.verify.cache import Cache, key_of
from emendo.verify.calibration import calibration_version, read_counts
from emendo.verify.claims import Claim, extract_claims
from emendo.verify.evidence import Passage
from emendo.verify.report import Report
from emendo.verify.source import Judge, Source, open_judge, open_source
from emendo.verify.verdict import Failure, Opinion, Verdict

MOST_CHARACTERS = 200_000
DEFAULT_SOURCES = ("facts",)
DEFAULT_JUDGES = ("slots",)

T = TypeVar("T")


def verify_answer(
    question: str,
    answer: str,
    *,
    sources: Sequence[Source] | None = None,
    judges: Sequence[Judge] | None = None,
    limit: int = 8,
    timeout: float = 20.0,
    cache: Cache | None = None,
) -> Report:
    """The report on an answer.

    Sources and judges keep what they have read: who verifies many answers opens them once.

    Args:
        question: What was asked; may be empty.
        answer: The answer, from any model.
        sources: Where to look; the embedded tables unless given.
        judges: Who decides; the comparison of slots unless given.
        limit: Most passages a source gives for a claim.
        timeout: Seconds after which a source counts as failed.
        cache: Where reports are kept; nowhere unless given.

    Raises:
        InvalidRequest: The answer is too long.
    """
    sources = [open_source(name) for name in DEFAULT_SOURCES] if sources is None else sources
    judges = [open_judge(name) for name in DEFAULT_JUDGES] if judges is None else judges
    told = versions(sources, judges)
    key = key_of(question, answer, limit, told)
    if cache is not None and (kept := cache.get(key)) is not None:
        return kept
    verdicts = tuple(iter_verdicts(question, answer, sources=sources, judges=judges, limit=limit, timeout=timeout))
    report = Report(question=question, answer=answer, verdicts=verdicts, versions=told)
    if cache is not None:
        cache.put(key, report)
    return report


def iter_verdicts(
    question: str,
    answer: str,
    *,
    sources: Sequence[Source],
    judges: Sequence[Judge],
    limit: int = 8,
    timeout: float = 20.0,
) -> Iterator[Verdict]:
    """The verdicts one by one, as they are reached; see `verify_answer`."""
    check_length(question, answer)
    for claim in extract_claims(question, answer):
        yield judge_claim(claim, sources=sources, judges=judges, limit=limit, timeout=timeout)


def check_length(question: str, answer: str) -> None:
    """Return if an answer is not too long to be read.

    Raises:
        InvalidRequest: It is.
    """
    if len(question) + len(answer) > MOST_CHARACTERS:
        raise InvalidRequest(
            f"Question and answer have {len(question) + len(answer):,} characters, and at most {MOST_CHARACTERS:,} are read; "
            "verify the answer in parts."
        )


def judge_claim(
    claim: Claim, *, sources: Sequence[Source], judges: Sequence[Judge], limit: int = 8, timeout: float = 20.0
) -> Verdict:
    """The verdict on a claim in the light of what the sources hold; see `verify_answer`."""
    if claim.reason is not None:
        return Verdict(claim=claim, label="not_checkable", why=claim.reason)
    passages, failures = _search(claim, sources, limit, timeout)
    return decide(claim, passages, failures, judges, read_counts())


def decide(
    claim: Claim,
    passages: Sequence[Passage],
    failures: Sequence[Failure],
    judges: Sequence[Judge],
    counts: dict[str, tuple[int, int]],
    given: Sequence[Opinion] = (),
) -> Verdict:
    """The verdict on a claim in the light of some passages, and of opinions that were given before."""
    opinions = list(given)
    failed = list(failures)
    for judge in sorted(judges, key=lambda judge: judge.is_fallback):
        if judge.is_fallback and opinions:
            break
        for at, passage in enumerate(passages):
            if passage.entry is not None:
                continue
            try:
                opinions += [replace(opinion, passage=at) for opinion in judge.judge(claim, passage)]
            except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, the claim was not checked by it.
                failed.append(Failure(name=judge.name, why=_sentence(error)))
                break
    return verdict_of(claim, passages, opinions, failed, counts)


def versions(sources: Sequence[Source], judges: Sequence[Judge]) -> dict[str, str]:
    """What a report depends on besides question and answer."""
    told = {"emendo": __version__, "calibration": calibration_version()}
    parts: list[Source | Judge] = [*sources, *judges]
    for part in parts:
        try:
            version = part.version()
        except Exception as error:  # noqa: BLE001 - a source that fails is told of in the verdicts.
            version = f"failed: {_sentence(error)}"
        # Two folders are two sources of one name.
        told[part.name] = f"{told[part.name]}; {version}" if part.name in told else version
    return told


def _search(claim: Claim, sources: Sequence[Source], limit: int, timeout: float) -> tuple[list[Passage], list[Failure]]:
    passages: list[Passage] = []
    failures: list[Failure] = []
    for source in sources:
        try:
            passages += _within(timeout, lambda source=source: source.search(claim, limit))  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - whatever a plug-in raises, its evidence is missing.
            failures.append(Failure(name=source.name, why=_sentence(error)))
    return passages, failures


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What some work gives, if it gives it in time.

    Raises:
        TimeoutError: It does not; it is left behind, and its result is dropped.
    """
    done: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for.
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no reply within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _sentence(error: BaseException) -> str:
    return str(error) or type(error).__name__
