"""Edit a few capitals one by one, and measure the model before and after: python examples/05_evaluate.py [CASES]"""

import sys

from emendo.evaluate import evaluate, load_cases
from emendo.models import load_model

n = int(sys.argv[1]) if len(sys.argv) > 1 else 4
report = evaluate(load_model(), load_cases("capitals", n=n, seed=0))

print(f"{report.n} cases, {report.method} at layer {report.layers}, {report.seconds_editing:.0f} s of editing")
for before, after in zip(report.unedited, report.edited, strict=True):
    interval = f"{after.low:.2f}–{after.high:.2f}"
    print(f"{after.label:32} {before.estimate:.2f} → {after.estimate:.2f}  ({interval}, n = {after.n})")
