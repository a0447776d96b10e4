"""Conversations that nobody had to wait for, written as the server writes them."""

from __future__ import annotations

import secrets
from pathlib import Path

from emendo.serve.records import new_answer
from emendo.serve.shapes import Settings, TokenShape
from emendo.serve.store import Store

TITLE = "Rivers and what they carry"
HOSTILE = (
    "<img src=x onerror=alert(1)> [link](javascript:alert(2)) ![far](http://far.example/a.png) <script>alert(3)</script>"
)
MARKDOWN = f"""## Rivers

They carry **silt**, *sand* and `stones`; [more](https://rivers.example/).

| River | Length |
| --- | ---: |
| Nile | 6650 |
| Rhine | 1233 |

```python
print("a river")
```

1. Source
2. Mouth

> All is flow.

{HOSTILE}
"""


def write_conversation(database: Path, messages: int = 4, title: str = TITLE) -> str:
    """Write a conversation with twin answers in Markdown; its id.

    Args:
        database: File of the conversations.
        messages: How many it has, half of them of the user.
        title: What its first message says.
    """
    store = Store(database)
    conversation = store.create("smollm2-135m", None, Settings()).id
    parent = None
    for number in range(messages // 2):
        said = title if number == 0 else f"And what else, for the time of number {number}?"
        user = store.say(conversation, parent, said)
        drafts = [new_answer(name, "original", number, Settings(temperature=0.0)) for name in ("original", "current")]
        message = store.begin(user.id, drafts)
        for draft in drafts:
            store.finish(
                draft.model_copy(
                    update={
                        "content": MARKDOWN,
                        "state": "done",
                        "finish_reason": "stop",
                        "tokens": tokens_of(MARKDOWN),
                        "seconds": 3.0,
                        "seconds_to_first_token": 0.3,
                    }
                )
            )
        store.compare(message.id, [0.01] * len(tokens_of(MARKDOWN)), None)
        parent = message.id
    store.close()
    return conversation


def tokens_of(text: str) -> list[TokenShape]:
    """A text in pieces of four characters, as if a model had said them, each with five alternatives."""
    return [
        TokenShape(
            id=at,
            text=text[at : at + 4],
            start=at,
            end=min(at + 4, len(text)),
            logprob=-0.1,
            top=[(text[at : at + 4], -0.1), *((secrets.token_hex(2), -3.0 - other) for other in range(4))],
        )
        for at in range(0, len(text), 4)
    ]
