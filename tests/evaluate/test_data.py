"""Where the files of benchmarks are looked for, and what is said when they are not there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from emendo.errors import DataUnavailable
from emendo.evaluate.data import data_digest, fetch_hub_rows, find_data

ROWS = [{"case_id": number} for number in range(230)]


def test_the_data_folder_is_the_one_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "rows.json").write_text("[]")
    monkeypatch.setenv("EMENDO_DATA", str(tmp_path))
    assert find_data("set/rows.json", None) == tmp_path / "set" / "rows.json"


def test_the_data_folder_is_found_beside_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMENDO_DATA", raising=False)
    file = tmp_path / "shared" / "data" / "set" / "rows-of-this-test.json"
    file.parent.mkdir(parents=True)
    file.write_text("[]")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert find_data("set/rows-of-this-test.json", None) == file


def test_missing_data_is_one_sentence_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMENDO_DATA", str(tmp_path))
    with pytest.raises(DataUnavailable, match=r"(?s)EMENDO_DATA.*--data FILE.*emendo eval capitals") as caught:
        find_data("set/rows.json", None)
    assert "\n" not in str(caught.value)


def test_a_file_that_was_asked_for_is_taken_or_missed(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    with pytest.raises(DataUnavailable, match=r"There is no file '.*mine\.json'"):
        find_data("set/rows.json", None, chosen=str(file))
    file.write_text("[]")
    assert find_data("set/rows.json", None, chosen=str(file)) == file


def test_a_benchmark_without_a_public_set_says_so() -> None:
    with pytest.raises(DataUnavailable, match="no set on the hub"):
        find_data("set/rows.json", None, chosen="hub")


@pytest.fixture
def hub() -> Iterator[str]:
    """A service on the loopback that gives rows a hundred at a time, as the hub does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if query["dataset"] != ["some/set"]:
                self.send_error(404)
                return
            start, length = int(query["offset"][0]), int(query["length"][0])
            rows = [{"row_idx": start + i, "row": row} for i, row in enumerate(ROWS[start : start + min(length, 100)])]
            body = json.dumps({"rows": rows, "num_rows_total": len(ROWS)}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/rows"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_rows_of_the_hub_are_fetched_page_by_page_and_once(hub: str, tmp_path: Path) -> None:
    path = fetch_hub_rows("some/set", tmp_path, endpoint=hub)
    assert json.loads(path.read_text()) == ROWS
    assert fetch_hub_rows("some/set", tmp_path, endpoint="http://127.0.0.1:9/none") == path


def test_a_hub_that_does_not_answer_leaves_nothing_behind(hub: str, tmp_path: Path) -> None:
    for dataset, endpoint in (("other/set", hub), ("some/set", "http://127.0.0.1:9/none")):
        with pytest.raises(DataUnavailable, match="could not be fetched"):
            fetch_hub_rows(dataset, tmp_path, endpoint=endpoint)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_data_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    monkeypatch.setenv("EMENDO_DATA", str(tmp_path))
    assert find_data("set", None) == tmp_path / "set"
    assert find_data("other", None, chosen=str(tmp_path / "set")) == tmp_path / "set"


def test_the_digest_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "b.json").write_text("2")
    (folder / "a.json").write_text("1")
    digest = data_digest(folder)
    assert data_digest(folder / "a.json") == hashlib.sha256(b"1").hexdigest()
    lines = "\n".join(f"{name} {hashlib.sha256(text).hexdigest()}" for name, text in (("a.json", b"1"), ("b.json", b"2")))
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    (folder / "b.json").rename(folder / "c.json")
    assert data_digest(folder) != digest
