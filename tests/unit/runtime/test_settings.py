"""Settings: a bad value names its variable and the mend; a secret shows itself to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import SettingsError
from runtime.settings import (
    DatabaseSettings,
    MetricsSettings,
    ProfileSettings,
    QueueSettings,
    Reader,
    Secret,
    ServiceSettings,
)


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("MESSAGING_EVENT_PARTITIONS", "MESSAGING_QUEUE_LIMIT", "MESSAGING_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_defaults_hold_where_nothing_is_set(environ: pytest.MonkeyPatch) -> None:
    assert QueueSettings.read(Reader()).partitions == 16


def test_what_is_set_but_empty_counts_as_not_set(environ: pytest.MonkeyPatch) -> None:
    for name in ("MESSAGING_EVENT_PARTITIONS", "MESSAGING_LOG_LEVEL", "MESSAGING_SERVICE"):
        environ.setenv(name, "")
    assert QueueSettings.read(Reader()).partitions == 16
    assert ServiceSettings.read(Reader()) == ServiceSettings(service="messaging", log_level="INFO")


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", " "])
def test_a_bad_number_names_its_variable(environ: pytest.MonkeyPatch, value: str) -> None:
    environ.setenv("MESSAGING_QUEUE_LIMIT", value)
    with pytest.raises(SettingsError, match=r"MESSAGING_QUEUE_LIMIT=.*at least 1"):
        QueueSettings.read(Reader())


@pytest.mark.parametrize("value", ["-1", "65536"])
def test_a_number_beyond_its_bounds_is_told_both(environ: pytest.MonkeyPatch, value: str) -> None:
    environ.setenv("MESSAGING_METRICS_PORT", value)
    with pytest.raises(SettingsError, match=r"MESSAGING_METRICS_PORT=.* from 0 to 65535"):
        MetricsSettings.read(Reader())


@pytest.mark.parametrize("value", ["3", "12", "2048"])
def test_partitions_are_a_power_of_two(environ: pytest.MonkeyPatch, value: str) -> None:
    environ.setenv("MESSAGING_EVENT_PARTITIONS", value)
    with pytest.raises(SettingsError, match=r"MESSAGING_EVENT_PARTITIONS=.*1024"):
        QueueSettings.read(Reader())


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("", False)])
def test_a_switch_is_on_or_off(environ: pytest.MonkeyPatch, value: str, on: bool) -> None:
    environ.setenv("MESSAGING_PROFILE", value)
    assert ProfileSettings.read(Reader()).enabled is on


def test_a_switch_is_nothing_else(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("MESSAGING_PROFILE", "true")
    with pytest.raises(SettingsError, match="MESSAGING_PROFILE='true'"):
        ProfileSettings.read(Reader())


def test_an_unknown_log_level_is_refused(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("MESSAGING_LOG_LEVEL", "chatty")
    with pytest.raises(SettingsError, match=r"MESSAGING_LOG_LEVEL='CHATTY'.*WARNING"):
        ServiceSettings.read(Reader())


def test_a_log_level_may_be_in_small_letters(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("MESSAGING_LOG_LEVEL", "warning")
    assert ServiceSettings.read(Reader()).log_level == "WARNING"


def test_a_secret_is_read_from_its_file_and_masked(
    environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("swordfish\n")
    environ.setenv("MESSAGING_DATABASE_URL", "postgresql+psycopg2://worker@127.0.0.1:5432/m")
    environ.setenv("MESSAGING_DATABASE_PASSWORD_FILE", str(file))
    settings = DatabaseSettings.read(Reader())
    assert settings.password.reveal() == "swordfish"
    assert "swordfish" not in f"{settings} {settings!r} {settings.password}"


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_missing_or_empty_secret_names_variable_and_file(
    environ: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    environ.setenv("MESSAGING_DATABASE_PASSWORD_FILE", str(file))
    with pytest.raises(SettingsError, match=r"MESSAGING_DATABASE_PASSWORD_FILE.*password"):
        Reader().secret("MESSAGING_DATABASE_PASSWORD_FILE")


@pytest.mark.parametrize("value", ["", "nowhere", "postgresql://u:secret@host/db"])
def test_an_address_without_host_or_with_a_password_is_refused(
    environ: pytest.MonkeyPatch, value: str
) -> None:
    environ.setenv("MESSAGING_DATABASE_URL", value)
    with pytest.raises(SettingsError, match="MESSAGING_DATABASE_URL") as raised:
        Reader().url("MESSAGING_DATABASE_URL")
    assert "secret" not in str(raised.value)


def test_a_secret_has_no_other_way_out() -> None:
    assert repr(Secret("x1y2")) == str(Secret("x1y2")) == "Secret('***')"
