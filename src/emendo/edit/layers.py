"""Which layers to edit, and with what settings, where the user does not say.

Causal tracing explains and does not choose (Hase et al. 2023). In order: what was measured on this very model (a profile by weights
digest, the user's own or one that ships in `profiles.json`), what was published for models of this shape, and else the same
relative depth as published on average.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

from emendo.edit.settings import MethodSettings, from_json
from emendo.errors import InvalidRequest, UnknownName
from emendo.models import EditableModel

# (model type, layers, width) → the layer of ROME, and first and last layer of MEMIT, as their authors and successors chose them.
PUBLISHED = {
    ("gpt2", 24, 1024): (8, 4, 8),
    ("gpt2", 36, 1280): (12, 8, 12),
    ("gpt2", 48, 1600): (17, 13, 17),
    ("gptj", 28, 4096): (5, 3, 8),
    ("gpt_neox", 44, 6144): (15, 6, 10),
    ("llama", 32, 4096): (5, 4, 8),
    ("mistral", 32, 4096): (5, 4, 8),
    ("qwen2", 28, 3584): (5, 4, 8),
}
RELATIVE_DEPTH = 0.3


def settled(
    model: EditableModel, method: str, plugin: ModuleType, config: MethodSettings | Mapping[str, Any] | None, home: Path
) -> MethodSettings:
    """The settings of a method for a model, its layers filled in.

    Args:
        model: The model.
        method: Name of the method.
        plugin: Its module.
        config: Its ``Config`` as it shall be, or what shall be otherwise than measured for the model, by name.
        home: Where profiles lie.

    Raises:
        UnknownName: The method has no setting of a name.
        InvalidRequest: The settings are another method's, a layer does not exist or is given twice, or layers do not rise where
            their order says nothing.
    """
    profile = read_profile(model, method, home)
    if config is None or isinstance(config, Mapping):
        settled: MethodSettings = config_of(method, plugin, {**profile, **(config or {})})
    elif isinstance(config, plugin.Config):
        settled = config
    else:
        found = f"{type(config).__module__}.{type(config).__name__}"
        raise InvalidRequest(f"The settings are a {found}, and '{method}' takes its own; name the method, too.")
    if not settled.layers:
        settled = replace(settled, layers=profile.get("layers") or default_layers(model, plugin.LAYERS))
    if len(set(settled.layers)) < len(settled.layers):
        raise InvalidRequest(f"The layers {list(settled.layers)} hold one twice; give each layer once.")
    if plugin.LAYERS != "turns" and list(settled.layers) != sorted(settled.layers):
        raise InvalidRequest(f"The layers {list(settled.layers)} do not rise; give the lowest first.")
    if plugin.LAYERS in ("one", "late") and len(settled.layers) != 1:
        raise InvalidRequest(f"The method '{method}' edits one layer, and {len(settled.layers)} were given; give one.")
    for layer in settled.layers:
        model.down_projection(layer)
    return settled


def default_layers(model: EditableModel, span: str) -> tuple[int, ...]:
    """Layers for a model that nobody measured.

    Args:
        model: The model.
        span: "one", a "pair", a "range", "turns" (a range by `in_turns`), "late" (one, where fine-tuning works best), or "all".
    """
    top = model.n_layers - 1
    shape = (model.network.config.model_type, model.n_layers, model.d_model)
    middle = round(RELATIVE_DEPTH * top)
    one, first, last = PUBLISHED.get(shape, (middle, max(0, middle - 2), min(top, middle + 2)))
    choices = {
        "one": (one,),
        "pair": (first, last) if first < last else (one,),
        "range": tuple(range(first, last + 1)),
        "turns": in_turns(first, one, last),
        "late": (round(0.8 * top),),
        "all": tuple(range(model.n_layers)),
    }
    return choices[span]


def in_turns(first: int, middle: int, last: int) -> tuple[int, ...]:
    """A range of layers in the order in which edits take turns at them: from the middle up, then from there down."""
    return (*range(middle, last + 1), *range(middle - 1, first - 1, -1))


def read_profile(model: EditableModel, method: str, home: Path) -> dict[str, Any]:
    """What was measured for a method on this very model, as arguments of its `Config`; empty where nothing was."""
    own = profile_path(model, home)
    for text in (
        own.read_text(encoding="utf-8") if own.is_file() else "{}",
        json.dumps(
            json.loads(files("emendo.edit").joinpath("profiles.json").read_text(encoding="utf-8")).get(model.digest, {})
        ),
    ):
        measured = json.loads(text).get(method)
        if measured is not None:
            return from_json(measured["settings"])
    return {}


def profile_path(model: EditableModel, home: Path) -> Path:
    """Where the user's own profile of a model lies."""
    return home / "profiles" / f"{model.digest[:24]}.json"


def config_of(method: str, plugin: ModuleType, chosen: Mapping[str, Any]) -> MethodSettings:
    """The ``Config`` of a method with what was chosen otherwise, by name.

    Raises:
        UnknownName: The method has no setting of a name.
        InvalidRequest: A value is none that the setting can have.
    """
    known = [field.name for field in fields(plugin.Config)]
    for name in chosen:
        if name not in known:
            raise UnknownName(f"setting of {method}", name, known)
    usual, kinds = plugin.Config(), get_type_hints(plugin.Config)
    config: MethodSettings = replace(
        usual, **{name: _fitting(name, value, getattr(usual, name), get_args(kinds[name])) for name, value in chosen.items()}
    )
    return config


def _fitting(name: str, value: Any, usual: Any, words: tuple[Any, ...]) -> Any:
    """A value as the setting takes it: one of several stands for a list of one."""
    if isinstance(usual, tuple):
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    if isinstance(usual, str) and words and value not in words:
        raise InvalidRequest(f"'{value}' is no value of the setting '{name}'; choose among {', '.join(words)}.")
    if isinstance(usual, int | float) and not isinstance(value, int | float):
        raise InvalidRequest(f"'{value}' is no value of the setting '{name}', which is a number such as {usual:g}.")
    return value
