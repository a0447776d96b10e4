"""How fast the server answers: first token, tokens a second for one row and for two, eight clients at once, memory.

The server runs in a process of its own, on loopback; the load is a few requests and stops by itself.

    python benchmarks/serving.py -o docs/results/serving.json
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from emendo.cli.console import out
from emendo.cli.options import DEFAULT_MODEL

QUESTION = "What is the capital of California?"
LONG = "Tell me about California."
TOKEN = secrets.token_urlsafe(24)
CLIENTS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--n", type=int, default=10, help="questions a figure")
    parser.add_argument("--tokens", type=int, default=48, help="tokens an answer")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, server(arguments.model, Path(home)) as (client, process):
        model = client.get("/api/state").json()["models"][0]["id"]
        loaded = process.memory_info().rss
        for _ in range(2):
            chat(client, model, QUESTION, 8)
        result: dict[str, Any] = {"first_token_seconds": figure(first_tokens(client, model, arguments.n))}
        twins(client, model, arguments.tokens)
        used = processor_seconds(process)
        result["preview_seconds"] = edit(client, model)
        # On a machine that others share, this is what a preview costs by itself.
        result["preview_processor_seconds"] = processor_seconds(process) - used
        one, two = [], []
        for number in range(arguments.n):
            # In turn, so that what else the machine does falls on both alike.
            one.append(twins(client, model, arguments.tokens, ["current"], number))
            two.append(twins(client, model, arguments.tokens, ["original", "current"], number))
        result["tokens_a_second"] = {"one row": figure(one), "two rows": figure(two)}
        result["cost_of_the_second_row"] = statistics.median(one) / statistics.median(two) - 1
        result["clients"] = clients(client, model, arguments.tokens)
        result["memory_gigabytes"] = {"loaded": loaded / 1e9, "afterwards": process.memory_info().rss / 1e9}
    document = {
        "command": " ".join(["python", "benchmarks/serving.py", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS")},
        "model": model,
        "n": arguments.n,
        "tokens": arguments.tokens,
        **result,
    }
    text = json.dumps(document, indent=1) + "\n"
    if arguments.output is not None:
        arguments.output.write_text(text, encoding="utf-8")
    out.print(text, highlight=False)


@contextmanager
def server(model: str, folder: Path) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """`emendo serve` with a ledger and a database of its own, and a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "emendo", "serve", "--model", model, "--port", str(port), "--token", TOKEN]
    command += ["--ledger", str(folder / "ledger"), "--database", str(folder / "conversations.sqlite")]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=300) as client,
    ):
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until and process.poll() is None:
                try:
                    client.get("/health")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield client, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def processor_seconds(process: psutil.Process) -> float:
    """What a process has used of the processor so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def chat(client: httpx.Client, model: str, question: str, tokens: int) -> list[float]:
    """Seconds from sending a question to each token of its answer."""
    body = {
        "model": model,
        "stream": True,
        "max_tokens": tokens,
        "temperature": 0,
        "messages": [{"role": "user", "content": question}],
    }
    started = time.perf_counter()
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        told = (line for line in response.iter_lines() if '"content":"' in line and '"role"' not in line)
        return [time.perf_counter() - started for _ in told]


def first_tokens(client: httpx.Client, model: str, count: int) -> list[float]:
    """Seconds to the first token of short questions that were not asked before."""
    return [chat(client, model, f"{QUESTION} ({number})", 2)[0] for number in range(count)]


def twins(client: httpx.Client, model: str, tokens: int, revisions: list[str] | None = None, number: int = 0) -> float:
    """Tokens a second of each row, of one question in a conversation at one or two revisions."""
    conversation = client.post("/api/conversations", json={"model": model}).json()["id"]
    body = {
        "content": f"{LONG} ({number})",
        "revisions": revisions or ["original", "current"],
        "settings": {"max_tokens": tokens},
    }
    message = client.post(f"/api/conversations/{conversation}/messages", json=body).json()["assistant"]["id"]
    with client.stream("GET", f"/api/messages/{message}/events") as response:
        ends = [json.loads(line[6:]) for line in response.iter_lines() if '"tokens_per_second":' in line]
    return float(min(end["tokens_per_second"] for end in ends))


def edit(client: httpx.Client, model: str) -> float:
    """Put a fact in force, so that the second row runs at another revision; seconds until its preview is there."""
    started = time.perf_counter()
    body = {"kind": "preview", "subject": "California", "prompt": "The capital of {} is", "target_new": "Sacramento"}
    job = client.post("/api/jobs", json={"model": model, **body}).json()["id"]
    with client.stream("GET", f"/api/jobs/{job}/events") as response:
        for _ in response.iter_lines():
            pass
    seconds = time.perf_counter() - started
    client.post(f"/api/models/{model}/edits", json={"preview": job, "why": "a benchmark"}).raise_for_status()
    return seconds


def clients(client: httpx.Client, model: str, tokens: int) -> dict[str, Any]:
    """Several clients that stream at once: what each waits for, and how many tokens a second all get together."""
    times: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=300) as own:
            times[number] = chat(own, model, f"{LONG} [{number}]", tokens)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    pauses = [later - sooner for own in times.values() for sooner, later in itertools.pairwise(own)]
    return {
        "clients": CLIENTS,
        "served": len(times),
        "tokens_a_second_together": sum(map(len, times.values())) / seconds,
        "first_token_seconds": figure([own[0] for own in times.values()]),
        "longest_pause_seconds": max(pauses),
        "fewest_tokens": min(map(len, times.values())),
    }


def figure(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


if __name__ == "__main__":
    main()
