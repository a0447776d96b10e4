"""Verify an answer against tables of facts, claim by claim: python examples/07_verify.py [ANSWER] [QUESTION]"""

import sys

from emendo.verify import verify_answer

answer = sys.argv[1] if len(sys.argv) > 1 else "The capital of California is Los Angeles. It became a state in 1850."
question = sys.argv[2] if len(sys.argv) > 2 else ""

report = verify_answer(question, answer)
for verdict in report.verdicts:
    print(f"{verdict.claim.quote}: {verdict.label}, {verdict.why}")
    for passage in verdict.passages[:1]:
        print(f"    {passage.locator}: {passage.text}")
print(f"checked {report.checked} of {report.checkable} claims")
