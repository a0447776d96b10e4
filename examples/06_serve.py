"""Ask the original and an edited model at once, and see both answer token by token from one batch.

    python examples/06_serve.py

`emendo serve` puts the same engine behind a page and OpenAI's API.
"""

import queue

from emendo.edit import compute_edit
from emendo.facts import EditRequest, Fact
from emendo.models import ORIGINAL, Sampling, chat_prompt, load_model
from emendo.serve import Engine, Question, RowRequest
from emendo.serve.question import Compared, Event, Finished, Said

model = load_model()
edit = compute_edit(model, EditRequest(fact=Fact.parse("The capital of {California} is"), target_new="Sacramento"))
edited = ORIGINAL.plus(edit.delta)

prompt = tuple(chat_prompt(model, "What is the capital of California?"))
rows = tuple(
    RowRequest(prompt=prompt, revision=revision, sampling=Sampling(max_new_tokens=24)) for revision in (ORIGINAL, edited)
)
engine, events = Engine(), queue.Queue[Event]()
engine.ask(Question(model=model, rows=rows, is_compared=True), events.put)

texts = ["", ""]
while not isinstance(event := events.get(), Finished):
    if isinstance(event, Said):
        texts[event.row] += event.token.text
    elif isinstance(event, Compared) and event.differs:
        print(f"They differ from token {event.index} on, by {event.divergence:.2f} nats.")
engine.close()
print(f"original: {texts[0]}\nedited:   {texts[1]}")
