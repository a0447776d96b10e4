"""Compute an edit and ask the original and the edited model the same questions; nothing is recorded: python examples/02_edit.py"""

from emendo.edit import compute_edit
from emendo.facts import EditRequest, Fact
from emendo.models import ORIGINAL, chat_prompt, generate, load_model

model = load_model()
request = EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Sacramento")
edit = compute_edit(model, request)
print(f"layer {edit.layers}, {edit.figures['steps']:.0f} steps, ‖Δ‖/‖W‖ = {edit.figures['relative_norm']:.2f}")

questions = [f"What is the capital of {place}?" for place in ("California", "Texas", "Germany", "France")]
prompts = [chat_prompt(model, question) for question in questions]
revisions = [ORIGINAL] * len(prompts) + [ORIGINAL.plus(edit.delta)] * len(prompts)
# One batch, one copy of the weights: the first rows run at the original, the others at the edited revision.
answers = [said.text for said in generate(model, prompts * 2, revisions, max_new_tokens=24)]
for question, before, after in zip(questions, answers[: len(prompts)], answers[len(prompts) :], strict=True):
    print(f"{question}\n  original: {before}\n  edited:   {after}")
