"""How often the evidence for a claim is found in a folder, by words alone and with embeddings, and what an index costs.

    python benchmarks/retrieval.py              writes docs/results/retrieval.json

One folder holds everything: for each statement of the relations and of CounterFact one sentence that tells the true value in
another wording, the passages of Factcheck-GPT, and the paragraphs of WikiText-2. A claim is found where the first k passages
hold its own:

    recall@k = claims with their sentence, or with a passage that people called support or refutation, among the first k / claims

Nothing was tuned; the claims are those of the held-out half of benchmarks/verification.py. Intervals are Wilson's at 95 %. The cost
is that of 100,000 passages, each of two sentences drawn from WikiText-2, in seconds of one processor.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verification_counts import share
from verification_snippets import snippets
from verification_statements import SEED, counterfact_items, is_tuning, relation_items

from emendo.evaluate.data import find_data
from emendo.verify import Claim
from emendo.verify.embedding import Embedder, find_embedder
from emendo.verify.sources import folder

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "retrieval.json"
DEPTHS = (1, 3, 8)
MANY = 100_000
SEARCHED = 40

# Claims, each with the passages of which one has to be found.
Asked = Sequence[tuple[str, frozenset[str]]]


def main() -> None:
    """Measure, and write what was found."""
    embedder = find_embedder()
    assert embedder is not None, "install emendo[embeddings]"
    data = find_data("relations", None).parent
    texts = [(data / "wikitext2" / name).read_text(encoding="utf-8") for name in ("wiki.valid.txt", "wiki.test.txt")]
    statements, web, passages = asked(data)
    passages += [flat(line) for text in texts for line in text.splitlines() if len(line) > 100]
    passages = sorted(set(passages))
    with tempfile.TemporaryDirectory() as held:
        config = folder.Config(path=write(passages, Path(held) / "recall"), home=Path(held) / "home", embedder=embedder)
        found = {name: recalls(claims, config) for name, claims in (("statements", statements), ("web claims", web))}
        cost = costs([flat(s) for text in texts for s in re.split(r"(?<= \.) ", text)], Path(held), embedder)
    told = {
        "command": "python benchmarks/retrieval.py",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": embedder.name,
        "passages": len(passages),
        "recall": found,
        "cost": cost,
    }
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


def asked(data: Path) -> tuple[Asked, Asked, list[str]]:
    """The held-out statements and claims, each with what has to be found; and all passages of both."""
    items = [*relation_items(data), *counterfact_items(data)]
    statements = [(item.text, frozenset({flat(item.evidence)})) for item in items if not is_tuning(item.subject)]
    rows = snippets(data)
    relevant: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.truth != "undecided" and not is_tuning(row.claim):
            relevant[row.claim].add(flat(row.evidence))
    web = [(claim, frozenset(held)) for claim, held in relevant.items()]
    return statements, web, [*(flat(item.evidence) for item in items), *(flat(row.evidence) for row in rows)]


def flat(text: str) -> str:
    """A passage on one line, as long as a paragraph of a folder may be."""
    return " ".join(text.split())[:1000].strip()


def write(passages: Sequence[str], where: Path) -> Path:
    """A folder of files that hold a thousand passages each."""
    where.mkdir()
    for at in range(0, len(passages), 1000):
        (where / f"{at:06}.md").write_text("\n\n".join(passages[at : at + 1000]), encoding="utf-8")
    return where


def recalls(claims: Asked, config: folder.Config) -> Mapping[str, Any]:
    """How many claims find one of their passages among the first ones, by words alone and with embeddings."""
    told: dict[str, Any] = {"n": len(claims)}
    for name, chosen in (("words alone", replace(config, embedder=None)), ("words and embeddings", config)):
        ranks = [rank_of(text, held, chosen) for text, held in claims]
        told[name] = {f"recall@{k}": share(sum(rank < k for rank in ranks), len(ranks)) for k in DEPTHS}
    return told


def rank_of(text: str, held: frozenset[str], config: folder.Config) -> int:
    """The rank, from 0, of the first passage that is looked for; beyond the last where there is none."""
    found = folder.search(claim_of(text), max(DEPTHS), config)
    return next((rank for rank, passage in enumerate(found) if passage.text in held), max(DEPTHS))


def claim_of(text: str) -> Claim:
    """A text as one claim."""
    return Claim(span=(0, len(text)), quote=text, text=text)


def costs(sentences: Sequence[str], held: Path, embedder: Embedder) -> dict[str, float]:
    """Seconds and bytes of an index of many passages, and seconds a search."""
    draw = random.Random(SEED)  # noqa: S311 - a reproducible draw, no secret
    sentences = [sentence for sentence in sentences if len(sentence) > 40]
    passages = [" ".join(draw.sample(sentences, 2)) for _ in range(MANY)]
    config = folder.Config(path=write(passages, held / "many"), home=held / "home", embedder=embedder)
    seconds, _ = timed(lambda: folder.update(config))
    size = config.index.stat().st_size
    claims = [claim_of(text) for text in draw.sample(sentences, SEARCHED)]
    alone = replace(config, embedder=None)
    times = {
        name: timed(lambda chosen=chosen: [folder.search(claim, 8, chosen) for claim in claims])[0] / len(claims)
        for name, chosen in (("words alone", alone), ("with embeddings, new", config), ("with embeddings, kept", config))
    }
    return {
        "passages": len(passages),
        "seconds to index": round(seconds, 2),
        "bytes": size,
        **{f"seconds a search, {name}": round(value, 4) for name, value in times.items()},
    }


def timed(work: Any) -> tuple[float, Any]:
    """Seconds of one processor that some work takes, and what it gives."""
    # Not of the clock: others may use the machine as well.
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    main()
