"""A conversation as a text to keep: the newest version of everything, each answer under its revision."""

from __future__ import annotations

from emendo.serve.shapes import Conversation, Message


def as_markdown(conversation: Conversation) -> str:
    """The conversation in Markdown."""
    lines = [f"# {conversation.title or 'Untitled'}", "", f"{conversation.model}, {conversation.created}", ""]
    if conversation.system:
        lines += ["**System**", "", conversation.system, ""]
    for message in newest_thread(conversation):
        if message.role == "user":
            lines += ["**User**", "", message.content, ""]
        for answer in message.answers:
            lines += [
                f"**{conversation.model}, {answer.revision_name}** ({answer.revision})",
                "",
                answer.content.strip(),
                "",
            ]
    return "\n".join(lines)


def newest_thread(conversation: Conversation) -> list[Message]:
    """The messages from the first to the last, the newest version of each."""
    newest = {message.parent: message for message in conversation.messages}
    thread, at = [], newest.get(None)
    while at is not None:
        thread.append(at)
        at = newest.get(at.id)
    return thread
