"""Questions in one batch are answered as each would be alone, whatever happens around them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
import torch

from emendo.errors import PromptTooLong
from emendo.models import (
    ORIGINAL,
    EditableModel,
    Generation,
    Revision,
    Sampling,
    TokenBatch,
    at_revisions,
    encode,
    generate,
)
from emendo.serve import Answer, Engine, Question, RowRequest
from emendo.serve.problems import Busy, Closed
from emendo.serve.question import Compared, Ended, Event, Failed, Finished, Said
from emendo.serve.running import Ticket
from tiny_models import random_delta

TEXTS = [
    "The capital of France is",
    "What is the capital of Texas?",
    "said the old man in the city of Los Angeles",
    "Berlin",
    "Question: Who wrote it? Answer:",
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def edited(talker: EditableModel) -> Revision:
    return ORIGINAL.plus(random_delta(talker, (1, 2)))


class Asked:
    """A question that was asked, and its events as they come."""

    def __init__(self, engine: Engine, question: Question) -> None:
        self.coming: queue.Queue[Event] = queue.Queue()
        self.events: list[Event] = []
        self.ticket: Ticket = engine.ask(question, self.coming.put)

    def next(self) -> Event:
        self.events.append(self.coming.get(timeout=30))
        return self.events[-1]

    def until(self, *kinds: type) -> Event:
        while not isinstance(self.next(), kinds):
            pass
        return self.events[-1]

    def answers(self) -> list[Answer]:
        end = self.until(Finished, Failed)
        if isinstance(end, Failed):
            raise end.error
        ended = {event.row: event.answer for event in self.events if isinstance(event, Ended)}
        return [ended[row] for row in sorted(ended)]


def ask(
    engine: Engine,
    model: EditableModel,
    texts: Sequence[str],
    revisions: Sequence[Revision] = (ORIGINAL,),
    *,
    scored: int | None = None,
    compared: bool = False,
    **sampling: object,
) -> Asked:
    options = {"max_new_tokens": 12, **sampling}
    rows = tuple(
        RowRequest(prompt=tuple(encode(model, text)), revision=revision, sampling=Sampling(**options))
        for text in texts
        for revision in revisions
    )
    return Asked(engine, Question(model=model, rows=rows, scored=scored, is_compared=compared))


def alone(model: EditableModel, text: str, revision: Revision = ORIGINAL, **options: object) -> Generation:
    """What the model says when nobody else asks; to be called with modules that no engine is running."""
    return generate(model, [encode(model, text)], [revision], **{"max_new_tokens": 12, **options})[0]


def test_questions_that_join_and_leave_are_answered_as_alone(
    engine: Engine, talker: EditableModel, twin: EditableModel, edited: Revision
) -> None:
    asked: list[tuple[str, int, Asked]] = []
    for number in range(3):
        asked += [
            (text, number, ask(engine, talker, [text], [ORIGINAL, edited], max_new_tokens=5 + 9 * number))
            for text in TEXTS[:3]
        ]
        asked[-1][2].until(Said)
    for text, number, question in asked:
        for answer, revision in zip(question.answers(), (ORIGINAL, edited), strict=True):
            expected = alone(twin, text, revision, max_new_tokens=5 + 9 * number)
            assert answer.text == expected.text
            assert [token.id for token in answer.tokens] == list(expected.token_ids)
            assert [token.logprob for token in answer.tokens] == pytest.approx(expected.logprobs, abs=1e-3)
            assert answer.revision == revision.id
    assert engine.load == 0


def test_after_an_edit_the_same_prompt_is_answered_as_by_a_cold_run(
    engine: Engine, talker: EditableModel, twin: EditableModel, edited: Revision
) -> None:
    before = ask(engine, talker, [TEXTS[0]]).answers()[0].text
    for revision in (edited, ORIGINAL, edited.plus(random_delta(talker, (3,), seed=5)), edited):
        for _ in range(2):
            assert ask(engine, talker, [TEXTS[0]], [revision]).answers()[0].text == alone(twin, TEXTS[0], revision).text
    assert alone(twin, TEXTS[0], edited).text != before


def test_what_was_read_before_is_not_read_again_and_changes_nothing(
    engine: Engine, talker: EditableModel, twin: EditableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    whole = talker.network.base_model.forward

    def forward(**inputs: torch.Tensor) -> object:
        read.append(inputs["input_ids"].shape[1])
        return whole(**inputs)

    monkeypatch.setattr(talker.network.base_model, "forward", forward)
    text = " ".join(TEXTS)
    answer = ask(engine, talker, [text]).answers()[0]
    longer = text + answer.text + " And what else is the capital of Nevada?"
    seen = len(read)
    following = ask(engine, talker, [longer]).answers()[0]
    assert read[seen] <= len(encode(talker, longer)) - len(encode(talker, text))
    assert following.text == alone(twin, longer).text


def test_an_edit_does_not_tear_a_running_answer(
    engine: Engine, talker: EditableModel, twin: EditableModel, edited: Revision
) -> None:
    running = ask(engine, talker, [TEXTS[0]], max_new_tokens=60)
    running.until(Said)
    assert ask(engine, talker, [TEXTS[0]], [edited]).answers()[0].text == alone(twin, TEXTS[0], edited).text
    assert running.answers()[0].text == alone(twin, TEXTS[0], max_new_tokens=60).text


def test_a_cancelled_answer_ends_between_tokens_and_leaves_the_others_alone(
    engine: Engine, talker: EditableModel, twin: EditableModel
) -> None:
    other = ask(engine, talker, [TEXTS[1]], max_new_tokens=200)
    stopped = ask(engine, talker, [TEXTS[0]], max_new_tokens=1500)
    stopped.until(Said)
    stopped.ticket.cancel()
    answer = stopped.answers()[0]
    assert answer.finish == "cancelled"
    assert 0 < answer.completion_tokens < 1500
    assert answer.text == "".join(token.text for token in answer.tokens)
    assert alone(twin, TEXTS[0], max_new_tokens=1500).text.startswith(answer.text)
    assert other.answers()[0].text == alone(twin, TEXTS[1], max_new_tokens=200).text


def test_a_thousand_quick_cancels_leave_nothing_behind(engine: Engine, talker: EditableModel, twin: EditableModel) -> None:
    ends = []
    for number in range(1000):
        while engine.load >= engine.most_questions:
            time.sleep(0.001)
        asked = ask(engine, talker, [TEXTS[number % 5]], max_new_tokens=500)
        if number % 3 == 0:
            asked.until(Said)
        asked.ticket.cancel()
        ends.append(asked)
    assert all(asked.answers()[0].finish == "cancelled" for asked in ends)
    assert engine.load == 0
    assert ask(engine, talker, [TEXTS[0]]).answers()[0].text == alone(twin, TEXTS[0]).text


def test_the_tenth_question_is_turned_away(engine: Engine, talker: EditableModel) -> None:
    asked = [ask(engine, talker, [TEXTS[0]], max_new_tokens=400) for _ in range(9)]
    with pytest.raises(Busy, match="9 questions are being answered already"):
        ask(engine, talker, [TEXTS[0]])
    for question in asked:
        question.ticket.cancel()
    for question in asked:
        question.answers()
    ask(engine, talker, [TEXTS[0]]).answers()


def test_eight_streams_run_abreast(engine: Engine, talker: EditableModel) -> None:
    told: list[int] = []
    ends = []
    for number in range(8):
        prompt = tuple(encode(talker, TEXTS[number % 5]))
        row = RowRequest(prompt=prompt, revision=ORIGINAL, sampling=Sampling(max_new_tokens=60))

        end = threading.Event()
        ends.append(end)

        def listen(event: Event, number: int = number, end: threading.Event = end) -> None:
            if isinstance(event, Said):
                told.append(number)
            elif isinstance(event, Finished):
                end.set()

        engine.ask(Question(model=talker, rows=(row,)), listen)
    assert all(end.wait(60) for end in ends)
    assert [told.count(number) for number in range(8)] == [60] * 8
    # Once the last has joined, no stream is ever a token ahead of another's next.
    joined = max(told.index(number) for number in range(8))
    abreast = told[joined + 1 : joined + 1 + 8 * 30]
    for start in range(0, len(abreast), 8):
        assert sorted(abreast[start : start + 8]) == list(range(8))


def test_more_rows_than_fit_wait_for_their_turn(talker: EditableModel, twin: EditableModel) -> None:
    engine = Engine(most_rows=3)
    try:
        asked = [ask(engine, talker, [text], [ORIGINAL, ORIGINAL]) for text in TEXTS]
        for text, question in zip(TEXTS, asked, strict=True):
            assert {answer.text for answer in question.answers()} == {alone(twin, text).text}
    finally:
        engine.close()


def test_a_long_prompt_is_read_in_pieces_while_others_go_on(
    engine: Engine, talker: EditableModel, twin: EditableModel
) -> None:
    text = " ".join(TEXTS * 20)
    running = ask(engine, talker, [TEXTS[0]], max_new_tokens=300)
    running.until(Said)
    long = ask(engine, talker, [text])
    before = sum(isinstance(event, Said) for event in running.events)
    long.until(Said)
    while not running.coming.empty():
        running.next()
    assert sum(isinstance(event, Said) for event in running.events) > before + 2
    assert long.answers()[0].text == alone(twin, text).text
    running.ticket.cancel()
    running.answers()


def test_a_row_samples_as_it_would_alone(engine: Engine, talker: EditableModel, twin: EditableModel) -> None:
    options = {"temperature": 1.0, "top_p": 0.9}
    asked = [(text, ask(engine, talker, [text], seed=7, **options)) for text in TEXTS]
    for text, question in asked:
        assert question.answers()[0].text == alone(twin, text, seed=7, **options).text


def test_a_bias_decides_and_penalties_hold_back(engine: Engine, talker: EditableModel) -> None:
    (token,) = encode(talker, "e")
    forced = ask(engine, talker, [TEXTS[0]], logit_bias={token: 100.0}).answers()[0]
    assert {said.id for said in forced.tokens} == {token}
    held = ask(engine, talker, [TEXTS[0]], logit_bias={token: 100.0}, presence_penalty=200.0).answers()[0]
    assert [said.id for said in held.tokens].count(token) == 1
    rising = ask(engine, talker, [TEXTS[0]], logit_bias={token: 100.0}, frequency_penalty=30.0).answers()[0]
    assert 1 < [said.id for said in rising.tokens].count(token) < 12


def test_the_likeliest_tokens_are_told(engine: Engine, talker: EditableModel) -> None:
    answer = ask(engine, talker, [TEXTS[0]], top_logprobs=5).answers()[0]
    for token in answer.tokens:
        assert len(token.top) == 5
        assert token.top[0] == (token.id, token.logprob)
        assert [logprob for _, logprob in token.top] == sorted((logprob for _, logprob in token.top), reverse=True)


def test_a_scored_prompt_has_the_logprobs_of_a_full_pass(engine: Engine, talker: EditableModel, edited: Revision) -> None:
    text = " ".join(TEXTS * 5)
    ids = encode(talker, text)
    assert len(ids) > 128
    for answer, revision in zip(
        ask(engine, talker, [text], [ORIGINAL, edited], scored=2, max_new_tokens=1).answers(),
        (ORIGINAL, edited),
        strict=True,
    ):
        with torch.inference_mode(), at_revisions(talker, [revision]):
            full = talker.head(talker.hidden(TokenBatch.align(talker, [ids])))[0].log_softmax(dim=-1)
        assert answer.prompt is not None
        assert [token.id for token in answer.prompt] == ids
        assert answer.prompt[0].logprob != answer.prompt[0].logprob
        for at, token in enumerate(answer.prompt[1:], start=1):
            assert token.logprob == pytest.approx(float(full[at - 1, ids[at]]), abs=1e-4)
            assert token.top[0][1] == pytest.approx(float(full[at - 1].max()), abs=1e-4)
            assert len(token.top) == 2


def test_two_rows_are_compared_up_to_where_they_differ(engine: Engine, talker: EditableModel, edited: Revision) -> None:
    asked = ask(engine, talker, [TEXTS[0]], [ORIGINAL, edited], compared=True)
    first, second = asked.answers()
    compared = [event for event in asked.events if isinstance(event, Compared)]
    same = next(at for at, (a, b) in enumerate(zip(first.tokens, second.tokens, strict=True)) if a.id != b.id)
    assert [event.index for event in compared] == list(range(same + 1))
    assert [event.differs for event in compared] == [False] * same + [True]
    ids = encode(talker, TEXTS[0])
    with torch.inference_mode(), at_revisions(talker, [ORIGINAL, edited]):
        p, q = talker.head(talker.hidden(TokenBatch.align(talker, [ids, ids])))[:, -1].log_softmax(dim=-1)
    assert compared[0].divergence == pytest.approx(float((q.exp() * (q - p)).sum()), abs=1e-4)


def test_rows_that_agree_are_compared_to_the_end(engine: Engine, talker: EditableModel) -> None:
    asked = ask(engine, talker, [TEXTS[0]], [ORIGINAL, Revision()], compared=True)
    asked.answers()
    compared = [event for event in asked.events if isinstance(event, Compared)]
    assert [(event.index, event.differs) for event in compared] == [(at, False) for at in range(12)]
    assert max(event.divergence for event in compared) < 1e-5


def test_a_question_that_does_not_fit_the_context_is_turned_away(engine: Engine, talker: EditableModel) -> None:
    with pytest.raises(PromptTooLong, match="holds 2048"):
        ask(engine, talker, [TEXTS[0]], max_new_tokens=2048)
    assert engine.load == 0


def test_questions_go_before_the_next_batch_of_a_job(engine: Engine, talker: EditableModel) -> None:
    order: list[str] = []
    is_working, may_go_on = threading.Event(), threading.Event()

    def job() -> None:
        for batch in range(3):
            order.append(f"batch {batch}")
            is_working.set()
            may_go_on.wait(10)
            engine.give_way()

    future = engine.run(job)
    assert is_working.wait(10)
    row = RowRequest(prompt=tuple(encode(talker, TEXTS[0])), revision=ORIGINAL, sampling=Sampling(max_new_tokens=12))

    def listen(event: Event) -> None:
        if isinstance(event, Finished):
            order.append("answer")

    engine.ask(Question(model=talker, rows=(row,)), listen)
    may_go_on.set()
    future.result(30)
    assert order == ["batch 0", "answer", "batch 1", "batch 2"]


def test_what_a_job_hooks_into_its_modules_never_reaches_an_answer(
    engine: Engine, talker: EditableModel, twin: EditableModel
) -> None:
    bench = talker.sharing_weights()
    assert all(own is other for own, other in zip(talker.network.parameters(), bench.network.parameters(), strict=True))
    asked: list[Asked] = []

    def job() -> None:
        with at_revisions(bench, [ORIGINAL.plus(random_delta(talker, (0, 1, 2, 3), seed=9))]), torch.autocast("cpu"):
            asked.append(ask(engine, talker, [TEXTS[0]]))
            engine.give_way()

    engine.run(job).result(30)
    answer, expected = asked[0].answers()[0], alone(twin, TEXTS[0])
    assert answer.text == expected.text
    assert [token.logprob for token in answer.tokens] == pytest.approx(expected.logprobs, abs=1e-4)


def test_a_failing_model_fails_its_questions_alone(
    engine: Engine, talker: EditableModel, twin: EditableModel, tiny: EditableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> object:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(tiny.network.base_model, "forward", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            ask(engine, tiny, [TEXTS[0]]).answers()
    assert ask(engine, talker, [TEXTS[0]]).answers()[0].text == alone(twin, TEXTS[0]).text
    assert ask(engine, tiny, [TEXTS[0]]).answers()[0].text


def test_a_closed_engine_tells_everyone(talker: EditableModel) -> None:
    engine = Engine()
    running = ask(engine, talker, [TEXTS[0]], max_new_tokens=1500)
    running.until(Said)
    engine.close()
    with pytest.raises(Closed):
        running.answers()
    with pytest.raises(Closed):
        ask(engine, talker, [TEXTS[0]])
