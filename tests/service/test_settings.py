"""Settings from the environment."""

from __future__ import annotations

import pytest

from paramcount.requests.settings import InvalidSetting, from_environment
from service.settings import Settings


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PARAMCOUNT_MAX_DEPTH": "0"}, "PARAMCOUNT_MAX_DEPTH must be an integer of at least 1"),
        ({"PARAMCOUNT_MAX_DEPTH": "-1"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": "1.5"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": "٣"}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_MAX_DEPTH": ""}, "PARAMCOUNT_MAX_DEPTH"),
        ({"PARAMCOUNT_LOG_FORMAT": "xml"}, "PARAMCOUNT_LOG_FORMAT: Invalid enum value 'xml'"),
        ({"PARAMCOUNT_BASE_PATH": "count"}, "PARAMCOUNT_BASE_PATH"),
        ({"PARAMCOUNT_BASE_PATH": "/count/"}, "PARAMCOUNT_BASE_PATH"),
        ({"PARAMCOUNT_MANAGEMENT_BIND": ":8001"}, "PARAMCOUNT_MANAGEMENT_BIND must be HOST:PORT, PORT or empty"),
        ({"PARAMCOUNT_MANAGEMENT_BIND": "::1:8001"}, "PARAMCOUNT_MANAGEMENT_BIND"),
        ({"PARAMCOUNT_MANAGEMENT_BIND": "localhost:"}, "PARAMCOUNT_MANAGEMENT_BIND"),
        ({"PARAMCOUNT_MANAGEMENT_BIND": "localhost:70000"}, "PARAMCOUNT_MANAGEMENT_BIND"),
    ],
)
def test_settings_that_stop_the_start(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        from_environment(Settings, environment)


@pytest.mark.parametrize("bind", ["", "8001", "0.0.0.0:9", "localhost:8001", "[::1]:8001", "[::]:65535"])
def test_where_probes_are_answered(bind: str) -> None:
    assert from_environment(Settings, {"PARAMCOUNT_MANAGEMENT_BIND": bind}).management_bind == bind


def test_settings() -> None:
    environment = {"PARAMCOUNT_MAX_DEPTH": "7", "PARAMCOUNT_CORS_ORIGINS": "https://a.example, https://b.example"}
    settings = from_environment(Settings, {**environment, "PARAMCOUNT_TRUSTED_HOPS": "0", "HOME": "/"})
    assert settings == Settings(max_depth=7, cors_origins=("https://a.example", "https://b.example"))
