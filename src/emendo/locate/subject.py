"""What a text without braces is about.

By rule: the subject is the first name, a run of capitalised words. It begins at the first capitalised word that neither merely
opens the sentence nor names an office ("the CEO of …"), and goes on to the first comma, possessive, verb or question mark; small
words between capitalised ones ("Storming of the Bastille") belong to it, as do lower-case nouns after them ("Mexico national
football team"). Where nothing is capitalised it is what begins the sentence, or what follows "does", "of", "for" or "by".

By trace: noise falls on the token embeddings of each span s of words that may be a noun phrase, as in causal tracing (Meng et
al. 2022, section 2), and the subject is the span with the largest

    score(s) = |s|^b · (1/n) Σᵢ TV(p, p_s,ᵢ),        TV(p, q) = ½ Σ_w |p(w) − q(w)|

where p is the clean and p_s,ᵢ the corrupted distribution of the next token for noise sample i, and |s| counts tokens. The effect
of noise levels off with the length of a span, so that b > 0 does better than a mean per token. A question is read with "Answer:"
after it, so that the next token is about the answer. All spans run in one or two batches.

`benchmarks/subjects.py` measures both, and the longest span for comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch

from emendo.errors import InvalidRequest
from emendo.locate.causal_tracing import embedding_deviation
from emendo.models import EditableModel, Site, TokenBatch, encode, patch_activation

# Chosen on the tuning half of three data sets (benchmarks/subjects.py).
NOISE_SAMPLES = 3
NOISE_SCALE = 1.0
LENGTH_EXPONENT = 1.0
BATCH_TOKENS = 2048

_WORD = re.compile(r"\S+")
_EDGES = '"“”„«»()[],;:.!?…'


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ARTICLES = {"the", "a", "an"}
_ASKING = {"what", "who", "whom", "whose", "which", "where", "when", "why", "how"}
_DOING = {"does", "did", "do", "can", "could", "will", "would"}
_AUXILIARIES = _DOING | {"is", "was", "are", "were", "be", "been", "has", "have", "had", "may", "might", "must", "used"}
_OPENING = {"in", "on", "at", "by", "for", "from", "of", "to", "during", "under", "with", "into"}
_ENGLISH = _OPENING | _ARTICLES | {"and", "or", "as"}
_SMALL = _ENGLISH | _words(
    "& de la le les du des d l von van der den di da del della el al y e en et bin ibn ben und zu ter ten dos das do no vs"
)
# Irregular verbs, and words that follow a name in a clumsy prompt: "… owner", "… birth country", "… first appear".
_VERBS = _words(
    "apart began became belong born broadcast built came died fell first flew found fought gave gone goes got grew held knew "
    "known led lies lost made met next part play ran run runs sang sat seen set shown sits speak spoke spent stood studies "
    "sung taken takes taught took went won written wrote works birth father mother owner label"
)
_PRONOUNS = {"that", "he", "she", "it", "they", "his", "her", "its", "their", "there", "also", "not"}
_OFFICES = _words(
    "owner president prime minister king queen mayor governor chancellor chairman ceo cfo cto coo emperor head pope prince "
    "princess secretary speaker capital"
)
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])[,;:.?!]*$")


def find_subject(model: EditableModel, text: str) -> str:
    """The part of a text that says what it is about: by rule, and by trace where no rule fits.

    Raises:
        InvalidRequest: Neither finds it.
    """
    subject = subject_by_rule(text) or subject_by_trace(model, text)
    if subject is None:
        raise InvalidRequest(f"No subject was found in '{text}'; mark it in braces, as in 'The capital of {{France}} is'.")
    return subject


def subject_by_rule(text: str) -> str | None:
    """The subject of a text by its words alone; None where no rule fits."""
    asked = text.find("? ")
    words = list(_WORD.finditer(text if asked < 0 else text[: asked + 1]))
    plain = [word[0].strip(_EDGES) for word in words]
    if not words:
        return None
    first = _first_word(plain)
    if first is None:
        return None
    last = _last_word(words, plain, first)
    start, end = _bounds(text, words[first].start(), words[last].end())
    return text[start:end] or None


def subject_by_trace(
    model: EditableModel,
    text: str,
    *,
    noise_samples: int = NOISE_SAMPLES,
    noise_scale: float = NOISE_SCALE,
    length_exponent: float = LENGTH_EXPONENT,
    seed: int = 0,
) -> str | None:
    """The span of a text whose corruption, weighed by its length, changes the most what the model says next.

    Args:
        model: The model to ask.
        text: A prompt without braces.
        noise_samples: Corrupted runs of each span.
        noise_scale: Standard deviation of the noise over that of the token embeddings.
        length_exponent: b in the score; large values choose the span of most tokens.
        seed: Seed of the noise.

    Returns:
        The span; None where the text has no word that may be a subject.
    """
    spans = list(candidate_spans(text))
    if not spans:
        return None
    effects = span_effects(model, text, spans, noise_samples=noise_samples, noise_scale=noise_scale, seed=seed)
    scores = [effect * length**length_exponent for effect, length in effects]
    start, end = spans[max(range(len(spans)), key=scores.__getitem__)]
    return text[start:end]


def candidate_spans(text: str) -> Iterator[tuple[int, int]]:
    """First and last character of the spans of words that may be noun phrases; none overlaps another."""
    words = list(_WORD.finditer(text))
    plain = [word[0].strip(_EDGES) for word in words]
    first = 0
    while first < len(words):
        if _is_closed(plain[first], opens=first == 0) or not plain[first] or _is_regular_verb(plain[first]):
            first += 1
            continue
        last = _last_word(words, plain, first)
        start, end = _bounds(text, words[first].start(), words[last].end())
        if end > start:
            yield start, end
        first = last + 1


def span_effects(
    model: EditableModel, text: str, spans: Sequence[tuple[int, int]], *, noise_samples: int, noise_scale: float, seed: int
) -> list[tuple[float, int]]:
    """For each span of characters, how far noise on it moves the next token's distribution (0 to 1), and its tokens."""
    read = f"{text}\nAnswer:" if text.rstrip().endswith("?") else text
    ids = encode(model, read)
    offsets = model.tokenizer(read, return_offsets_mapping=True)["offset_mapping"]
    inside = [[i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a] for start, end in spans]
    generator = torch.Generator().manual_seed(seed)
    noise = (
        noise_scale
        * embedding_deviation(model, ids)
        * torch.randn(noise_samples, len(ids), model.d_model, generator=generator)
    )
    noise = noise.to(model.device, model.dtype)
    with torch.inference_mode():
        clean = _next_token(model, [ids], None)
        effects: list[float] = []
        size = max(1, BATCH_TOKENS // (noise_samples * len(ids)))
        for at in range(0, len(spans), size):
            part = inside[at : at + size]
            mask = torch.zeros(len(part), 1, len(ids), 1, dtype=model.dtype, device=model.device)
            for row, tokens in enumerate(part):
                mask[row, 0, tokens] = 1
            added = (mask * noise).flatten(0, 1)
            corrupted = _next_token(model, [ids] * len(added), added)
            distance = 0.5 * (corrupted - clean).abs().sum(dim=-1)
            effects += distance.view(len(part), noise_samples).mean(dim=-1).tolist()
    return [(effect, len(tokens)) for effect, tokens in zip(effects, inside, strict=True)]


def _next_token(model: EditableModel, rows: Sequence[Sequence[int]], noise: torch.Tensor | None) -> torch.Tensor:
    """The next token's probabilities, with noise on what the first block reads."""
    with patch_activation(
        model, Site("resid_pre", 0), lambda hidden: hidden if noise is None else hidden + noise.to(hidden.device)
    ):
        return model.head(model.hidden(TokenBatch.align(model, rows))[:, -1]).float().softmax(dim=-1)


def _first_word(plain: Sequence[str]) -> int | None:
    """Index of the subject's first word."""
    for i, word in enumerate(plain):
        if not _is_capitalised(word) or (i == 0 and _merely_opens(plain)):
            continue
        if not _is_office(plain, i):
            return i
    return _first_word_in_lower_case([word.lower() for word in plain])


def _first_word_in_lower_case(lower: Sequence[str]) -> int | None:
    """Index of the subject's first word where none is capitalised."""
    if lower[0] not in _ASKING | _OPENING | _ARTICLES | _AUXILIARIES:
        return 0
    # What stands after the verb of a statement is about its object: "the language of … is a mixture of".
    verb = next((i for i, word in enumerate(lower) if i > 0 and word in _AUXILIARIES), len(lower))
    of = [i for i, word in enumerate(lower) if word in ("of", "for", "by") and (lower[0] in _ASKING or i < verb)]
    does = [i for i, word in enumerate(lower) if word in _DOING]
    opening = [0] if lower[0] == "in" else []
    for places in (opening, does, of):
        if places:
            first = places[-1] + 1
            first += first < len(lower) and lower[first] in _ARTICLES
            if first < len(lower) and not _is_closed(lower[first], opens=False):
                return first
    return None


def _last_word(words: Sequence[re.Match[str]], plain: Sequence[str], first: int) -> int:
    """Index of the subject's last word."""
    before = [word.lower() for word in plain[:first] if word.lower() not in _ARTICLES]
    asks_to_do = bool(before) and before[-1] in _DOING
    # "The language of Les bavards was": the verb is still to come, so that "bavards" is none.
    awaits_verb = first > 1 and any(word.lower() in _AUXILIARIES for word in plain[first + 1 :])
    last = first
    while last + 1 < len(words):
        word = words[last][0]
        reach = last + 1
        while reach + 1 < len(words) and plain[reach].lower() in _SMALL and not _is_capitalised(plain[reach]):
            reach += 1
        goes_on = _is_capitalised(plain[reach]) and plain[reach].lower() not in _OFFICES
        if word[-1] in ";:?!" or (word[-1] == "," and (reach > last + 1 or not goes_on or before[:1] == ["in"])):
            break
        if _POSSESSIVE.search(word) and not goes_on:
            break
        if _is_capitalised(plain[reach]):
            if not _is_capitalised(plain[first]):
                break
            last = reach
            continue
        if (asks_to_do and _is_last_verb(plain, first, last + 1)) or _ends(words, plain, last + 1, awaits_verb=awaits_verb):
            break
        last += 1
    return last


def _is_last_verb(plain: Sequence[str], first: int, i: int) -> bool:
    """Whether word i is the verb of "does … play": the next word after a capitalised name, else the last one."""
    return _is_capitalised(plain[first]) or all(_is_closed(word, opens=False) for word in plain[i + 1 :])


def _ends(words: Sequence[re.Match[str]], plain: Sequence[str], i: int, *, awaits_verb: bool) -> bool:
    """Whether a subject ends before word i, which is not capitalised."""
    word, lower = words[i][0], plain[i].lower()
    if lower in _SMALL - _ENGLISH and awaits_verb and i + 1 < len(words):
        return False
    if _is_closed(plain[i], opens=False):
        return True
    is_noun = (
        awaits_verb
        or word[-1] == ","
        or _POSSESSIVE.search(word)
        or (i + 1 < len(words) and plain[i + 1].lower() in _AUXILIARIES)
    )
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        return not is_noun
    return _is_regular_verb(plain[i])


def _is_regular_verb(word: str) -> bool:
    return word.islower() and word.endswith(("ed", "ly", "ing"))


def _merely_opens(plain: Sequence[str]) -> bool:
    """Whether the first word is capitalised only as the first; "The" before a capitalised word may begin a name."""
    first = plain[0].lower()
    if first in _ARTICLES:
        return len(plain) < 2 or not _is_capitalised(plain[1]) or _is_office(plain, 1)
    return first in _ASKING | _OPENING | _AUXILIARIES


def _is_office(plain: Sequence[str], i: int) -> bool:
    """Whether word i belongs to "President of" or "Prime Minister of", which another name follows."""
    while i < len(plain) and plain[i].lower() in _OFFICES:
        i += 1
        if i < len(plain) and plain[i].lower() in ("of", "at", "for"):
            return True
    return False


def _is_capitalised(word: str) -> bool:
    return any(character.isupper() for character in word) or word[:1].isdigit()


def _is_closed(word: str, *, opens: bool) -> bool:
    """Whether no subject begins or ends with the word; capitalised ones may, unless they open the sentence."""
    lower = word.lower()
    if _is_capitalised(word) and not opens:
        return False
    return lower in _SMALL | _ASKING | _AUXILIARIES | _PRONOUNS | _VERBS | _OPENING


def _bounds(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the possessive and the punctuation around it; a full stop stays with an abbreviation."""
    while end > start and text[end - 1] in '"”“»],;:?!…':
        end -= 1
    possessive = _POSSESSIVE.search(text[start:end])
    if possessive:
        end = start + possessive.start()
    while start < end and text[start] in '"“„«[':
        start += 1
    return start, end
