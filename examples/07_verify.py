"""Check an answer claim by claim, and see what is wrong, what would be right, and by which source: python examples/07_verify.py"""

from emendo.verify import open_judge, open_source, verify_answer
from emendo.verify.repair import command_of, repair_of

question = "What is the capital of California?"
answer = (
    "The capital of California is Los Angeles, which is located in the United States. It became a state in 1850. I like it."
)

# What they read is kept: who verifies many answers opens sources and judges once.
report = verify_answer(question, answer, sources=[open_source("facts")], judges=[open_judge("slots")])
for verdict in report.verdicts:
    print(f"{verdict.label:20} {verdict.claim.quote}\n{'':20} {verdict.why}")
    request = repair_of(verdict)
    if request is not None:
        print(f"{'':20} {command_of(request)}")
print(f"{report.checked} of {report.checkable} checkable claims were decided")
