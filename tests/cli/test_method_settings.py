"""Settings on the command line: for all methods, and for one of several."""

from __future__ import annotations

import pytest

from emendo.cli.method_settings import check_methods, chosen_settings, settings_of
from emendo.errors import InvalidRequest


def test_a_setting_of_one_method_is_not_given_to_the_others() -> None:
    chosen = chosen_settings([6, 9], ["steps=30", "rome.steps=9", "two_layer.texts=15"])
    assert settings_of("rome", chosen) == {"layers": (6, 9), "steps": 9}
    assert settings_of("two_layer", chosen) == {"layers": (6, 9), "steps": 30, "texts": 15}
    assert settings_of("memit", chosen) == {"layers": (6, 9), "steps": 30}


def test_a_setting_of_a_method_that_is_not_measured_is_refused() -> None:
    chosen = chosen_settings(None, ["memitt.steps=9"])
    check_methods(chosen_settings(None, ["steps=9"]), ["rome"])
    with pytest.raises(InvalidRequest, match="'memitt', which is not measured"):
        check_methods(chosen, ["rome", "memit"])
