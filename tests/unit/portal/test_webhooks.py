"""Where webhooks may go, when they go again, and what is told."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain.webhooks import PUBLIC_TYPES, outgoing, pause_s
from services.portal.webhooks.addresses import AddressRefused, checked_url, is_public
from tests.builders import NOON


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://example.com:5432/",
        "https://",
        "https:///path",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://api.localhost/",
        "https://intranet/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fc00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "https://example.com/" + "x" * 2_000,
        "nonsense",
        "",
    ],
)
def test_no_webhook_goes_inside_or_in_clear(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked_url(url, anywhere=False)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com:443/hook?a=1", "https://example.com/hook?a=1"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_webhook_goes_anywhere_on_the_internet(url: str, kept: str) -> None:
    assert checked_url(url, anywhere=False) == kept


def test_for_trying_things_a_webhook_goes_anywhere() -> None:
    assert checked_url("http://127.0.0.1:8080/x", anywhere=True) == "http://127.0.0.1:8080/x"
    with pytest.raises(AddressRefused):
        checked_url("ftp://127.0.0.1/", anywhere=True)


@given(st.ip_addresses(v=4))
def test_an_address_hidden_in_another_is_as_public_as_it_is(inner: object) -> None:
    for hidden in (f"::ffff:{inner}",):
        if not is_public(ip_address(str(inner))):
            assert not is_public(ip_address(hidden))


@given(st.integers(1, 60))
def test_pauses_grow_and_have_an_end(failures: int) -> None:
    pause = pause_s(failures, 5, 21_600)
    assert 5 <= pause <= 21_600
    assert pause_s(failures + 1, 5, 21_600) >= pause
    assert pause_s(1, 5, 21_600) == 5


def test_an_event_has_one_id_for_its_receivers_and_no_other_has_it() -> None:
    event = {
        "account_id": "an",
        "time": NOON,
        "event_id": "1",
        "source": "/a",
        "type": "invoice.paid",
        "correlation_id": None,
        "payload": '{"amount": 1}',
    }
    one = outgoing(event)
    assert outgoing(dict(event)) == one
    assert outgoing({**event, "source": "/b"}).event_id != one.event_id
    assert one.body == (
        '{"specversion":"1.0","id":"1","source":"/a","type":"invoice.paid","subject":"an",'
        '"time":"2026-11-02T12:00:00Z","datacontenttype":"application/json","data":{"amount":1}}'
    )


def test_no_command_and_no_question_is_told_outside() -> None:
    for type_ in ("wallet.charge", "order.placed", "quote.given", "notification.requested"):
        assert type_ not in PUBLIC_TYPES
