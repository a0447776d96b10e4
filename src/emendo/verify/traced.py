"""Text that remembers where each of its characters stands in the answer.

Marks are taken out and pronouns replaced before a sentence is read, and yet every claim must point at the answer as it was
written. So each character carries the position it came from; what was put in carries none. Positions count code points.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A text and, for each character, its position in the answer; None where it was put in.

    Attributes:
        text: The text to read.
        positions: As many as the text has characters.
    """

    text: str
    positions: tuple[int | None, ...]

    def __post_init__(self) -> None:
        assert len(self.text) == len(self.positions)

    @classmethod
    def of(cls, text: str, start: int = 0) -> Traced:
        """A text that stands in the answer from a position on."""
        return cls(text=text, positions=tuple(range(start, start + len(text))))

    def part(self, start: int, end: int | None = None) -> Traced:
        """A stretch of the text, without the white space around it."""
        text = self.text[start:end]
        start += len(text) - len(text.lstrip())
        text = text.strip()
        return Traced(text=text, positions=self.positions[start : start + len(text)])

    def replaced(self, start: int, end: int, words: str) -> Traced:
        """The text with words in the place of a stretch."""
        return Traced(
            text=self.text[:start] + words + self.text[end:],
            positions=(*self.positions[:start], *(None,) * len(words), *self.positions[end:]),
        )

    def without(self, stretches: list[tuple[int, int]]) -> Traced:
        """The text without some stretches, which are in order and apart."""
        kept, at = [], 0
        for start, end in [*stretches, (len(self.text), len(self.text))]:
            kept.append((self.text[at:start], self.positions[at:start]))
            at = end
        return Traced(text="".join(text for text, _ in kept), positions=tuple(p for _, stretch in kept for p in stretch))

    def span(self, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
        """From where to where a stretch reaches in the answer; None where nothing of it stands there."""
        known = [position for position in self.positions[start:end] if position is not None]
        return (min(known), max(known) + 1) if known else None
