"""Find the files that benchmarks read: given, in the data folder, fetched from the hub, or shipped with the package.

The data folder is ``$EMENDO_DATA``, or ``../shared/data`` as seen from the working directory or from the repository.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from emendo.errors import DataUnavailable
from emendo.home import default_home

HUB_ROWS = "https://datasets-server.huggingface.co/rows"
_PAGE = 100
_NO_DATA = "give a file with '--data FILE', or run 'emendo eval capitals', which needs no data"


def data_folders() -> list[Path]:
    """Where the data folder may be, first choice first."""
    chosen = os.environ.get("EMENDO_DATA")
    if chosen:
        return [Path(chosen).expanduser()]
    repository = Path(__file__).parents[3]
    return [start.parent / "shared" / "data" for start in (Path.cwd(), repository)]


def find_data(
    relative: str, hub: str | None, *, chosen: str | None = None, otherwise: str = _NO_DATA, home: Path | None = None
) -> Path:
    """The file of a benchmark, or the folder where it consists of several files.

    Args:
        relative: Its path in the data folder; an absolute path is the file itself.
        hub: Name of the data set on the hub that has the same rows, if there is one.
        chosen: What the user asked for: a file or folder, "hub", or nothing.
        otherwise: What a user can do who does not have the file.
        home: Where fetched files are kept; `default_home` unless given.

    Raises:
        DataUnavailable: It is not there.
    """
    if chosen == "hub":
        if hub is None:
            raise DataUnavailable("This benchmark has no set on the hub; leave out '--data', or give a file.")
        return fetch_hub_rows(hub, (home or default_home()) / "data")
    if chosen is not None:
        path = Path(chosen).expanduser()
        if not path.exists():
            raise DataUnavailable(f"There is no file '{chosen}'; give the path of the benchmark's file to '--data'.")
        return path
    tried = [folder / relative for folder in data_folders()]
    for path in tried:
        if path.exists():
            return path
    raise DataUnavailable(
        f"There is no file '{tried[0]}'. Set EMENDO_DATA to the folder that holds '{relative}', or {otherwise}."
    )


def data_digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, that over the names and digests of the files in it, in the order of their names."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.iterdir() if file.is_file())
    return hashlib.sha256("\n".join(f"{file.name} {data_digest(file)}" for file in files).encode()).hexdigest()


def fetch_hub_rows(dataset: str, folder: Path, *, split: str = "test", endpoint: str = HUB_ROWS) -> Path:
    """A JSON file of the rows of a data set on the hub, fetched once.

    Args:
        dataset: Its name on the hub.
        folder: Where the file is kept.
        split: Which split to fetch.
        endpoint: The service that gives rows as JSON, a hundred at a time.

    Raises:
        DataUnavailable: There is no network, or the hub does not answer.
    """
    path = folder / f"{dataset.replace('/', '--')}-{split}.json"
    if path.is_file():
        return path
    rows: list[object] = []
    try:
        while True:
            query = {"dataset": dataset, "config": "default", "split": split, "offset": len(rows), "length": _PAGE}
            with urlopen(f"{endpoint}?{urlencode(query)}", timeout=60) as response:  # noqa: S310 - the endpoint is ours
                answer = json.load(response)
            rows.extend(entry["row"] for entry in answer["rows"])
            if len(rows) >= answer["num_rows_total"] or not answer["rows"]:
                break
    except (OSError, ValueError, KeyError) as error:
        raise DataUnavailable(
            f"The set '{dataset}' could not be fetched from the hub ({type(error).__name__}). Give a file with "
            "'--data FILE', or run 'emendo eval capitals', which needs no network."
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    os.replace(partial, path)
    return path
