"""Which layer and token carry "The capital of France is Paris", and when the model settles on the answer."""

from pathlib import Path

from emendo.facts import Fact
from emendo.locate import draw_trace, logit_lens, trace_fact
from emendo.models import load_model

model = load_model()
fact = Fact.parse("The capital of {France} is", "Paris")

# Two noise samples and one kind of restoration keep this short; ten and three are the published choice and the default.
trace = trace_fact(model, fact, kinds=("states",), noise_samples=2)
effect = trace.effects["states"]
token, layer = effect.peak
print(f"p({trace.target.strip()}) = {trace.probability_clean:.2f}; subject blurred: {trace.probability_corrupted:.2f}")
print(
    f"Restoring '{trace.tokens[token].strip()}' at layer {layer} brings back {effect.indirect_effect[token, layer]:.2f} "
    f"± {effect.standard_error[token, layer]:.2f}."
)
draw_trace(trace, Path("france.svg"))

lens = logit_lens(model, fact.text)
for layer in (0, 10, 20, 29):
    print(f"after layer {layer:2} the model would say {lens.top_tokens[layer][-1]!r}")
