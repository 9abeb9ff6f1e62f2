"""The options of an installation: read from the environment, each bad one named."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import Invalid
from web.settings import environment, load


def test_load_when_nothing_is_set_then_defaults() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.driver, settings.mongodb_uri) == ("127.0.0.1", 8888, "motor", None)
    assert settings.keys == Path(".heyun/keys.json")


def test_load_when_values_are_bad_then_each_is_named_with_what_is_allowed() -> None:
    with pytest.raises(Invalid) as raised:
        load({"HEYUN_PORT": "70000", "HEYUN_DRIVER": "odbc", "HEYUN_PROCESSES": "none"})
    assert [error.field for error in raised.value.errors] == ["HEYUN_DRIVER", "HEYUN_PORT", "HEYUN_PROCESSES"]
    assert "1 to 65535" in str(raised.value) and "motor or pymongo" in str(raised.value)


def test_environment_when_loaded_again_then_the_same_settings() -> None:
    given = {"HEYUN_MONGODB_URI": "mongodb://somewhere/", "HEYUN_DATA": "/tmp/one", "HEYUN_PORT": "9000", "HEYUN_DATABASE": "two"}
    settings = load(given)
    assert load(environment(settings)) == settings
