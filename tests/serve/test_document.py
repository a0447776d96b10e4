"""The OpenAPI document of `/api` says what the server does: it is fuzzed against it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import TOKEN, Running

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = 15


def operations(document: dict) -> list[tuple[str, str]]:
    return [(method, path) for path, methods in document["paths"].items() for method in methods]


def test_every_address_of_the_contract_is_described(server: Running) -> None:
    document = server.client.get("/api/openapi.json").json()
    found = operations(document)
    assert len(found) >= 24
    assert all(path.startswith("/api/") for _, path in found)
    for method, path in found:
        described = document["paths"][path][method]["responses"]
        assert {"400", "401", "404"} <= set(described)
        assert "422" not in described


def meet(server: Running, case: schemathesis.Case) -> None:
    """Let a made-up request name things that there are, so that it gets past looking them up."""
    conversation = server.client.post("/api/conversations", json={"model": server.served.id}).json()["id"]
    told = {"content": "Who?", "settings": {"max_tokens": 1}}
    kind = case.path.split("/")[2]
    if "model" in case.path_parameters:
        case.path_parameters["model"] = server.served.id
    if "id" in case.path_parameters:
        ids = {"conversations": lambda: conversation, "jobs": lambda: job(server)}
        if kind == "messages":
            server.wait_idle()
            sent = server.client.post(f"/api/conversations/{conversation}/messages", json=told).json()
            ids["messages"] = lambda: sent["user" if case.path.endswith("/answers") else "assistant"]["id"]
        case.path_parameters["id"] = ids[kind]()
    if isinstance(case.body, dict):
        if "model" in case.body:
            case.body["model"] = server.served.id
        if isinstance(case.body.get("settings"), dict):
            case.body["settings"]["max_tokens"] = 2


def job(server: Running) -> str:
    """A job that there is."""
    wanted = {"kind": "trace", "model": server.served.id, "subject": "a", "prompt": "{}"}
    return server.client.post("/api/jobs", json=wanted).json()["id"]


@pytest.mark.filterwarnings("ignore")
def test_nothing_that_is_sent_breaks_the_server(server: Running) -> None:
    schema = schemathesis.openapi.from_dict(server.client.get("/api/openapi.json").json())
    schema.config.base_url = server.url
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events") and operation.method == "get" and "{id}" not in operation.path:
            # This stream ends with the server.
            continue

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            if tried % 2:
                meet(server, case)
            case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS, timeout=30)

        check()
    assert tried > 24
