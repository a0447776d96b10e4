"""The clients that people use: OpenAI's own, `llm`, curl, lm-evaluation-harness, and what two chat pages send."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest
from serving import CHAT_TOKEN, Running, commit, running

from emendo.evaluate.harness import OWN_TASK, TASKS
from emendo.models import EditableModel, at_revisions, chat_prompt, generate
from tiny_models import random_delta

QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
REQUESTS = json.loads(Path(__file__).with_name("client_requests.json").read_text(encoding="utf-8"))


@pytest.fixture
def client(server: Running) -> Any:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=CHAT_TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def expected(twin: EditableModel) -> str:
    return generate(twin, [chat_prompt(twin, QUESTION)], max_new_tokens=8)[0].text


def test_openai_asks_and_streams(client: openai.OpenAI, server: Running, expected: str) -> None:
    options: dict[str, Any] = {"model": server.served.id, "messages": QUESTION, "temperature": 0, "max_tokens": 8}
    answer = client.chat.completions.create(**options, logprobs=True, top_logprobs=2)
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].logprobs is not None
    assert len(answer.choices[0].logprobs.content or []) == 8
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == expected
    assert chunks[-1].usage is not None
    assert next(model.id for model in client.models.list()) == server.served.id
    assert client.models.retrieve(f"{server.served.id}:original").id == f"{server.served.id}:original"
    completion = client.completions.create(model=server.served.id, prompt="The capital of", max_tokens=3, temperature=0)
    assert completion.choices[0].finish_reason == "length"


def test_openai_asks_several_at_a_time(server: Running, expected: str) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=CHAT_TOKEN, max_retries=0) as client:

            async def one() -> str:
                stream = await client.chat.completions.create(
                    model=server.served.id, messages=QUESTION, temperature=0, max_tokens=8, stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(one() for _ in range(8)))

    assert asyncio.run(ask()) == [expected] * 8


def test_openai_raises_its_own_errors(client: openai.OpenAI, server: Running) -> None:
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-9'") as found:
        client.chat.completions.create(model="gpt-9", messages=QUESTION)
    assert found.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as found:
        client.chat.completions.create(model=server.served.id, messages=QUESTION, max_tokens=10_000)
    assert found.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as found:
        client.chat.completions.create(model=server.served.id, messages=QUESTION, temperature=3)
    assert found.value.param == "temperature"
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_openai_sees_an_error_within_a_stream(
    client: openai.OpenAI, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("emendo.models.batch.Batch.choose", broken)
    with pytest.raises(openai.APIError, match="Something went wrong"):
        list(client.chat.completions.create(model=server.served.id, messages=QUESTION, stream=True))


def test_curl_streams(server: Running, expected: str) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    body = {"model": server.served.id, "messages": QUESTION, "temperature": 0, "max_tokens": 8, "stream": True}
    command = [curl, "-sN", f"{server.url}/v1/chat/completions", "-H", f"Authorization: Bearer {CHAT_TOKEN}"]
    done = subprocess.run(
        [*command, "-H", "Content-Type: application/json", "-d", json.dumps(body)],
        capture_output=True,
        text=True,
        check=True,
    )
    parts = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("data: {")]
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts) == expected
    assert done.stdout.endswith("data: [DONE]\n\n")


def test_llm_talks_to_it(server: Running, expected: str, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: emendo\n  model_name: {server.served.id}\n  api_base: {server.url}/v1\n  api_key_name: emendo\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"emendo": CHAT_TOKEN}))
    # The embedded model's own plug-in of `llm` is none of this test's business.
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    command = [sys.executable, "-m", "llm", "-m", "emendo", "-o", "temperature", "0", "-o", "max_tokens", "8"]
    done = subprocess.run([*command, QUESTION[0]["content"]], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected.strip()


@pytest.mark.parametrize("name", ["librechat", "open-webui"])
def test_what_chat_pages_send_is_answered(server: Running, name: str) -> None:
    """What LibreChat's client library 3.2.21 was seen to send, and what the source of Open WebUI 0.12.4 builds; own words."""
    for request in REQUESTS[name]:
        body = json.loads(json.dumps(request["body"]).replace("MODEL", server.served.id)) if "body" in request else None
        headers = {**REQUESTS["headers"][name], "Authorization": f"Bearer {CHAT_TOKEN}"}
        response = server.client.request(request["method"], request["path"], json=body, headers=headers)
        assert response.status_code == 200, response.text
        if body is not None and body.get("stream"):
            parts = [line for line in response.text.splitlines() if line]
            assert parts[-1] == "data: [DONE]"
            assert json.loads(parts[-2][6:])["usage"]["completion_tokens"] > 0
            text = "".join(
                choice["delta"].get("content", "") for part in parts[:-1] for choice in json.loads(part[6:])["choices"]
            )
        elif body is not None:
            text = response.json()["choices"][0]["message"]["content"]
        else:
            continue
        assert text


@pytest.fixture(scope="module")
def manager() -> Any:
    """Knows the harness's tasks; looking them up takes longer than the tests."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(TASKS))


def scores(harnessed: Any, manager: Any, **options: Any) -> list[list[Any]]:
    """What lm-evaluation-harness makes of each choice of the task's first documents."""
    from lm_eval import simple_evaluate

    found = simple_evaluate(
        harnessed, tasks=[OWN_TASK], limit=3, task_manager=manager, log_samples=True, bootstrap_iters=0, **options
    )
    return [sample["filtered_resps"] for sample in found["samples"][OWN_TASK]]


def check_scores(model: EditableModel, folder: Path, manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the API, the original and the edited model score as they do in process, and differ from each other."""
    from lm_eval.models.huggingface import HFLM

    monkeypatch.setenv("OPENAI_API_KEY", CHAT_TOKEN)
    twin = model.sharing_weights()
    twin.tokenizer.save_pretrained(folder / "tokenizer")
    harnessed = HFLM(pretrained=twin.network, tokenizer=twin.tokenizer, batch_size=8, max_length=model.context_length)
    with running(folder, model) as server:
        commit(server.served, random_delta(model, (1, 2), seed=2))
        served, sides = server.served.id, {}
        for id in (served, f"{served}:original"):
            through_api = {
                "model": id,
                "base_url": f"{server.url}/v1/completions",
                "tokenizer": str(folder / "tokenizer"),
                "tokenizer_backend": "huggingface",
                "batch_size": 8,
                "max_length": model.context_length,
            }
            sides[id] = scores("local-completions", manager, model_args=through_api)
            with at_revisions(twin, [server.shelf.resolve(id)[1]]):
                in_process = scores(harnessed, manager)
            for found, expected in zip(sides[id], in_process, strict=True):
                for (logprob, greedy), (own, own_greedy) in zip(found, expected, strict=True):
                    assert logprob == pytest.approx(own, abs=1e-4)
                    assert greedy == own_greedy
        assert sides[served] != sides[f"{served}:original"]


@pytest.mark.filterwarnings("ignore")
def test_the_harness_scores_both_revisions_as_in_process(
    talker: EditableModel, tmp_path: Path, manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_scores(talker, tmp_path, manager, monkeypatch)


@pytest.mark.real
@pytest.mark.filterwarnings("ignore")
def test_the_harness_scores_the_embedded_model_as_in_process(
    real: EditableModel, tmp_path: Path, manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_scores(real, tmp_path, manager, monkeypatch)
