"""Settings from variables and from files that they name."""

from pathlib import Path

import pytest
from pydantic_settings.exceptions import SettingsError

from shared.settings import ServiceAddresses, Settings, settings, settings_of


@pytest.fixture(autouse=True)
def fresh_settings() -> None:
    settings.cache_clear()


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A file with an URL and the line's end that editors put there."""
    file = tmp_path / "url"
    file.write_text("amqp://wallet:secret@host/\n")
    return file


def test_a_secret_may_be_in_a_file(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTILL_AMQP_URL_FILE", str(told))
    assert Settings().amqp_url.get_secret_value() == "amqp://wallet:secret@host/"
    monkeypatch.setenv("CLOUDTILL_AMQP_URL", "amqp://other/")
    assert Settings().amqp_url.get_secret_value() == "amqp://other/", "the variable goes first"


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTILL_AMQP_URL_FILE", "/nowhere/url")
    with pytest.raises(SettingsError, match=r"CLOUDTILL_AMQP_URL_FILE: can't read /nowhere/url"):
        Settings()


def test_a_service_has_its_own_addresses_and_else_those_of_all(
    told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDTILL_AMQP_URL", "amqp://all/")
    monkeypatch.setenv("CLOUDTILL_WALLET_AMQP_URL_FILE", str(told))
    monkeypatch.setenv("CLOUDTILL_WALLET_DATABASE_URL", "postgresql://wallet/")
    wallet, billing = settings_of("wallet"), settings_of("billing")
    assert wallet.amqp_url.get_secret_value() == "amqp://wallet:secret@host/"
    assert wallet.database_url.get_secret_value() == "postgresql://wallet/"
    assert billing.amqp_url.get_secret_value() == "amqp://all/"
    assert billing == settings()


def test_no_secret_is_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDTILL_AMQP_URL", "amqp://wallet:secret@host/")
    monkeypatch.setenv("CLOUDTILL_WALLET_DATABASE_URL", "postgresql://wallet:secret@host/")
    assert "secret" not in f"{settings()!r} {settings_of('wallet')!r}"
    assert "secret" not in repr(ServiceAddresses.of("wallet"))
    monkeypatch.setenv("CLOUDTILL_AMQP_URL", "")
    monkeypatch.setenv("CLOUDTILL_SHUTDOWN_S", "secret")
    with pytest.raises(ValueError, match="shutdown_s") as refused:
        Settings()
    assert "secret" not in str(refused.value)
