"""Adapters: signatures, ids, and how gateways are found."""

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.gateways import adapters
from services.gateways.adapters import ForgedCallback, UnknownGateway, gateway_of
from services.gateways.adapters.signing import is_signed, signature
from services.gateways.adapters.zalopay import ZaloPay
from services.gateways.domain import Succeeded
from tests.builders import NOON

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    adapters.gateways.cache_clear()
    yield
    adapters.gateways.cache_clear()


def _zalopay() -> ZaloPay:
    return ZaloPay(app_id=7, key1=SecretStr("the first key"), key2=SecretStr("the second key"))


def test_a_signature_is_hmac_sha256_in_hexadecimal() -> None:
    """The second test case of RFC 4231."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature(SecretStr("Jefe"), "what do ya want for nothing?") == expected
    assert is_signed(SecretStr("Jefe"), "what do ya want for nothing?", expected.upper())


@given(st.text(), st.text(max_size=80))
def test_no_other_text_is_a_signature(text: str, mac: str) -> None:
    key = SecretStr("a key")
    assert is_signed(key, text, mac) == (mac.lower() == signature(key, text))


@given(st.text(min_size=1, max_size=64), st.integers(1, 10))
def test_an_order_of_zalopay_has_one_id_that_fits(payment_id: str, attempt: int) -> None:
    gateway = _zalopay()
    named = gateway.order_id(payment_id, attempt, NOON)
    assert named == gateway.order_id(payment_id, attempt, NOON)
    assert named != gateway.order_id(payment_id, attempt + 1, NOON)
    assert len(named) <= 40


def test_an_order_of_zalopay_begins_with_the_date_in_vietnam() -> None:
    evening = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)
    assert _zalopay().order_id("pay-1", 1, evening).startswith("270101_")


@given(st.binary(max_size=300))
def test_whatever_is_called_back_is_read_or_refused(body: bytes) -> None:
    with pytest.raises((adapters.MalformedCallback, ForgedCallback)):
        _zalopay().parse_callback(body)


def test_a_callback_is_read_as_it_was_signed() -> None:
    data = json.dumps(
        {
            "app_id": 7,
            "app_trans_id": "261102_x",
            "zp_trans_id": 99,
            "amount": 5_000,
            "server_time": 1_793_620_800_000,
            "something_new": {"nested": True},
        }
    )
    body = json.dumps(
        {"data": data, "mac": signature(SecretStr("the second key"), data), "type": 1}
    )
    at = datetime.fromtimestamp(1_793_620_800, UTC)
    assert _zalopay().parse_callback(body.encode()) == Succeeded("261102_x", "99", 5_000, at)
    agreement = json.dumps(
        {"data": data, "mac": signature(SecretStr("the second key"), data), "type": 2}
    )
    with pytest.raises(adapters.MalformedCallback):
        _zalopay().parse_callback(agreement.encode())


def test_keys_show_nowhere() -> None:
    gateway = ZaloPay(
        app_id=7, key1=SecretStr("some-secret-key"), key2=SecretStr("other-secret-key")
    )
    assert "secret-key" not in f"{gateway!r} {gateway} {gateway.model_dump_json()}"


def test_a_gateway_without_its_settings_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APP_ID", "KEY1", "KEY2"):
        monkeypatch.delenv(f"CLOUDTILL_ZALOPAY_{name}", raising=False)
    with capture_logs() as logged:
        assert "zalopay" not in adapters.gateways()
    assert [one["settings"] for one in logged] == [["app_id", "key1", "key2"]]
    monkeypatch.setenv("CLOUDTILL_ZALOPAY_APP_ID", "7")
    monkeypatch.setenv("CLOUDTILL_ZALOPAY_KEY1", "a key that is long enough")
    monkeypatch.setenv("CLOUDTILL_ZALOPAY_KEY2", "")
    adapters.gateways.cache_clear()
    with pytest.raises(UnknownGateway, match="zalopay"):
        gateway_of("zalopay")
    assert gateway_of("simulated") is gateway_of("simulated")


def test_the_built_in_gateways_are_plug_ins_like_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][adapters.ENTRY_POINTS] == {
        "simulated": "services.gateways.adapters.simulated:SimulatedGateway",
        "zalopay": "services.gateways.adapters.zalopay:ZaloPay",
    }
