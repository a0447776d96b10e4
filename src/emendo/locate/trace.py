"""What causal tracing finds: the trace of one fact, and the average over many by class of token.

The classes are those of Meng et al. (2022), figure 2. A subject of one token counts as its last; the prompt's last token
counts as nothing else. Every fact weighs the same: tokens of one class are averaged within a fact first, and standard errors
of an average are over facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from emendo.errors import InvalidRequest
from emendo.facts import Fact

Kind = Literal["states", "mlp", "attention", "states_mlp_severed", "states_attention_severed"]
TOKEN_CLASSES = (
    "first subject token",
    "middle subject tokens",
    "last subject token",
    "first subsequent token",
    "further tokens",
    "last token",
)


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """What a kind of trace sets back to its clean value, and what it holds at its corrupted one.

    Attributes:
        site: Activation that is restored; a state is restored where the next block reads it.
        is_windowed: Whether a window of layers is restored at once.
        severed: Activation that is held, at the same token, in all layers above.
        label: What a reader is told is restored.
    """

    site: Literal["resid_pre", "mlp_out", "attn_out"]
    is_windowed: bool
    severed: Literal["mlp_out", "attn_out"] | None
    label: str


RESTORATIONS: dict[Kind, Restoration] = {
    "states": Restoration(site="resid_pre", is_windowed=False, severed=None, label="a single state"),
    "mlp": Restoration(site="mlp_out", is_windowed=True, severed=None, label="MLP outputs"),
    "attention": Restoration(site="attn_out", is_windowed=True, severed=None, label="attention outputs"),
    "states_mlp_severed": Restoration(
        site="resid_pre", is_windowed=False, severed="mlp_out", label="a single state, MLPs severed"
    ),
    "states_attention_severed": Restoration(
        site="resid_pre", is_windowed=False, severed="attn_out", label="a single state, attention severed"
    ),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Effect:
    """A map of tokens × layers.

    Attributes:
        indirect_effect: Mean over noise samples of p_patched − p_corrupted.
        standard_error: Of that mean, over noise samples.
        probability_patched: Mean over noise samples of p_patched.
    """

    indirect_effect: Float[np.ndarray, "tokens layers"]
    standard_error: Float[np.ndarray, "tokens layers"]
    probability_patched: Float[np.ndarray, "tokens layers"]

    @property
    def peak(self) -> tuple[int, int]:
        """Token and layer of the greatest indirect effect."""
        token, layer = np.unravel_index(self.indirect_effect.argmax(), self.indirect_effect.shape)
        return int(token), int(layer)


@dataclass(frozen=True, kw_only=True, eq=False)
class CausalTrace:
    """What tracing one fact found.

    Attributes:
        fact: The fact that was traced.
        tokens: The prompt's tokens as text.
        subject_first: Index of the subject's first token.
        subject_last: Index of the subject's last token.
        target: The token whose probability is traced, as text: the first of the target.
        is_predicted_target: Whether nobody gave a target, and the model's own prediction was traced.
        probability_clean: p[target] in the clean run.
        probability_corrupted: Mean over noise samples of p[target] in the corrupted runs.
        total_effect: probability_clean − probability_corrupted.
        total_effect_error: Standard error of that, over noise samples.
        effects: One map for each kind.
        window: Layers over which MLP and attention outputs were restored.
        noise_samples: Corrupted runs.
        noise: Standard deviation of the noise.
        seed: Seed of the noise.
    """

    fact: Fact
    tokens: tuple[str, ...]
    subject_first: int
    subject_last: int
    target: str
    is_predicted_target: bool
    probability_clean: float
    probability_corrupted: float
    total_effect: float
    total_effect_error: float
    effects: dict[Kind, Effect]
    window: int
    noise_samples: int
    noise: float
    seed: int

    @property
    def token_classes(self) -> list[str | None]:
        """The class of each token, one of `TOKEN_CLASSES`; None before the subject."""
        classes: list[str | None] = [None] * len(self.tokens)
        for t in range(self.subject_first, len(self.tokens)):
            if t == len(self.tokens) - 1:
                classes[t] = "last token"
            elif t > self.subject_last:
                classes[t] = "first subsequent token" if t == self.subject_last + 1 else "further tokens"
            elif t == self.subject_last:
                classes[t] = "last subject token"
            else:
                classes[t] = "first subject token" if t == self.subject_first else "middle subject tokens"
        return classes

    def to_dict(self) -> dict[str, Any]:
        """The trace as JSON holds it, figures to six digits after the point."""
        return {
            "fact": self.fact.marked,
            "target_true": self.fact.target_true,
            "target": self.target,
            "is_predicted_target": self.is_predicted_target,
            "tokens": list(self.tokens),
            "subject_tokens": [self.subject_first, self.subject_last],
            "probability_clean": round(self.probability_clean, 6),
            "probability_corrupted": round(self.probability_corrupted, 6),
            "total_effect": round(self.total_effect, 6),
            "total_effect_error": round(self.total_effect_error, 6),
            "window": self.window,
            "noise_samples": self.noise_samples,
            "noise": round(self.noise, 6),
            "seed": self.seed,
            "effects": {
                kind: {
                    "indirect_effect": effect.indirect_effect.round(6).tolist(),
                    "standard_error": effect.standard_error.round(6).tolist(),
                    "probability_patched": effect.probability_patched.round(6).tolist(),
                }
                for kind, effect in self.effects.items()
            },
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CausalTrace:
        """The trace that `to_dict` wrote."""
        fields = dict(values)
        effects = {
            kind: Effect(**{name: np.array(rows) for name, rows in maps.items()})
            for kind, maps in fields.pop("effects").items()
        }
        first, last = fields.pop("subject_tokens")
        return cls(
            fact=Fact.parse(fields.pop("fact"), fields.pop("target_true")),
            tokens=tuple(fields.pop("tokens")),
            subject_first=first,
            subject_last=last,
            effects=effects,
            **fields,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AveragedEffect:
    """A map of token classes × layers, averaged over facts; NaN where no fact has a token of a class.

    Attributes:
        indirect_effect: Mean over facts.
        standard_error: Of that mean, over facts.
    """

    indirect_effect: Float[np.ndarray, "classes layers"]
    standard_error: Float[np.ndarray, "classes layers"]

    @property
    def peak(self) -> tuple[int, int]:
        """Class and layer of the greatest indirect effect."""
        place, layer = np.unravel_index(np.nanargmax(self.indirect_effect), self.indirect_effect.shape)
        return int(place), int(layer)


@dataclass(frozen=True, kw_only=True, eq=False)
class AveragedTrace:
    """The traces of many facts, averaged by class of token.

    Attributes:
        facts: How many facts there are.
        facts_with_class: How many facts have a token of each class, in the order of `TOKEN_CLASSES`.
        probability_clean: Mean over facts.
        probability_corrupted: Mean over facts.
        total_effect: Mean over facts.
        total_effect_error: Its standard error, over facts.
        effects: One map for each kind.
        window: Layers over which MLP and attention outputs were restored.
        noise_samples: Corrupted runs of each fact.
    """

    facts: int
    facts_with_class: tuple[int, ...]
    probability_clean: float
    probability_corrupted: float
    total_effect: float
    total_effect_error: float
    effects: dict[Kind, AveragedEffect]
    window: int
    noise_samples: int

    def to_dict(self) -> dict[str, Any]:
        """The average as JSON holds it, figures to five digits after the point, null where no fact has a class."""
        return {
            "facts": self.facts,
            "facts_with_class": dict(zip(TOKEN_CLASSES, self.facts_with_class, strict=True)),
            "probability_clean": round(self.probability_clean, 5),
            "probability_corrupted": round(self.probability_corrupted, 5),
            "total_effect": round(self.total_effect, 5),
            "total_effect_error": round(self.total_effect_error, 5),
            "window": self.window,
            "noise_samples": self.noise_samples,
            "effects": {
                kind: {
                    "indirect_effect": _by_class(effect.indirect_effect),
                    "standard_error": _by_class(effect.standard_error),
                }
                for kind, effect in self.effects.items()
            },
        }


def trace_window(n_layers: int) -> int:
    """Layers that are restored at once: what 10 are of GPT-2 XL's 48, at least 1."""
    return max(1, round(10 / 48 * n_layers))


def average_traces(traces: Sequence[CausalTrace]) -> AveragedTrace:
    """The mean over facts of the effects at each class of token, with standard errors over facts.

    Raises:
        InvalidRequest: There are fewer than two traces, or they differ in kinds, layers or window.
    """
    if len(traces) < 2:
        raise InvalidRequest(f"An average needs at least two traced facts, and there are {len(traces)}; give more facts.")
    head = traces[0]
    shapes = {(tuple(t.effects), t.window, *(e.indirect_effect.shape[1] for e in t.effects.values())) for t in traces}
    if len(shapes) > 1:
        raise InvalidRequest("The traces differ in kinds, layers or window; average traces of one model made in one way.")
    classes = [np.array([[place == name for name in TOKEN_CLASSES] for place in t.token_classes]) for t in traces]
    effects = {}
    for kind in head.effects:
        maps = np.stack(
            [_class_means(t.effects[kind].indirect_effect, members) for t, members in zip(traces, classes, strict=True)]
        )
        effects[kind] = AveragedEffect(**_mean_and_error(maps))
    total = np.array([t.total_effect for t in traces])
    return AveragedTrace(
        facts=len(traces),
        facts_with_class=tuple(int(n) for n in np.stack([c.any(axis=0) for c in classes]).sum(axis=0)),
        probability_clean=float(np.mean([t.probability_clean for t in traces])),
        probability_corrupted=float(np.mean([t.probability_corrupted for t in traces])),
        total_effect=float(total.mean()),
        total_effect_error=float(total.std(ddof=1) / len(total) ** 0.5),
        effects=effects,
        window=head.window,
        noise_samples=head.noise_samples,
    )


def _class_means(effect: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Classes × layers: the mean over one fact's tokens of each class, NaN where there are none."""
    counts = members.sum(axis=0)[:, None]
    return np.where(counts > 0, members.T @ effect / np.maximum(counts, 1), np.nan)


def _mean_and_error(maps: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and standard error over facts, leaving out the facts that lack a class."""
    present = ~np.isnan(maps)
    count = present.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, maps, 0).sum(axis=0) / count
        variance = np.where(present, (maps - mean) ** 2, 0).sum(axis=0) / (count - 1)
        error = np.sqrt(variance / count)
    return {"indirect_effect": mean, "standard_error": np.where(count > 1, error, np.nan)}


def _by_class(values: np.ndarray) -> dict[str, list[float] | None]:
    return {
        name: None if np.isnan(row).any() else row.round(5).tolist() for name, row in zip(TOKEN_CLASSES, values, strict=True)
    }
