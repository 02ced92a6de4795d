"""How acts end, what is offered for resources, and what amounts people type."""

from typing import Any

import pytest

from services.portal.customer.wallet import amount_of
from services.portal.domain.conclusions import concluded
from services.portal.domain.lifecycle import offered
from services.portal.domain.outcomes import outcome_of
from shared.money import currency

_ALL = ("create", "resize", "renew", "recover", "delete", "stop", "start", "reboot")
Event = tuple[str, dict[str, Any]]


def test_an_order_ends_well_with_its_resource() -> None:
    events: list[Event] = [("order.placed", {}), ("payment.confirmed", {"amount": 5})]
    assert concluded("order_create", events).outcome == "open"
    events.append(("resource.provisioned", {"resource_id": "vm-1"}))
    end = concluded("order_create", events)
    assert (end.outcome, end.link) == ("good", "/resources/vm-1")


def test_an_order_of_which_one_item_failed_says_so_whichever_is_told_first() -> None:
    events: list[Event] = [
        ("resource.provisioned", {"resource_id": "vm-1"}),
        ("provisioning.failed", {"reason": "no_host"}),
        ("refund.to_credit", {"amount": 70}),
        ("refund.to_credit", {"amount": 20}),
    ]
    for told in (events, events[::-1]):
        end = concluded("order_create", told)
        assert (end.outcome, end.reason, end.given_back) == ("bad", "no_host", 90)


def test_a_rejected_order_says_why() -> None:
    end = concluded("order_renew", [("order.rejected", {"reason": "not_for_postpaid"})])
    assert (end.outcome, end.reason) == ("bad", "not_for_postpaid")


def test_each_kind_of_act_has_an_end_of_its_own() -> None:
    credited: list[Event] = [("wallet.credited", {})]
    assert concluded("top_up", credited).outcome == "good"
    assert concluded("order_create", credited).outcome == "open"
    assert concluded("top_up", [("top_up.failed", {"reason": "declined"})]).outcome == "bad"
    paid = concluded("pay_invoice", [("invoice.paid", {"invoice_id": "i-1"})])
    assert (paid.outcome, paid.link) == ("good", "/invoices/i-1")


def test_what_goes_to_the_trash_is_done_and_a_top_up_only_once_the_money_is_there() -> None:
    stopped: list[Event] = [("order.confirmed", {}), ("resource.suspended", {"resource_id": "vm"})]
    assert concluded("order_stop_poc", stopped).outcome == "good"
    assert outcome_of("order_stop_poc", [type_ for type_, _ in stopped], is_dead=False) == "done"
    assert outcome_of("top_up", ["top_up.requested"], is_dead=False) == "open"
    assert outcome_of("top_up", ["top_up.requested", "wallet.credited"], is_dead=False) == "done"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("active", ["stop", "reboot", "resize", "renew", "delete"]),
        ("stopped", ["start", "resize", "renew", "delete"]),
        ("suspended", ["renew", "recover"]),
        ("deleted", []),
    ],
)
def test_a_prepaid_resource_is_offered_what_its_state_allows(
    state: str, expected: list[str]
) -> None:
    found = offered(state=state, user_type="prepaid", account_type="prepaid", allowed=_ALL)
    assert found == expected


def test_a_postpaid_resource_is_never_renewed_and_a_product_allows_what_it_says() -> None:
    found = offered(state="active", user_type="postpaid", account_type="postpaid", allowed=_ALL)
    assert "renew" not in found
    few = offered(state="active", user_type="prepaid", account_type="prepaid", allowed=["delete"])
    assert few == ["delete"]


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [
        ("500,000", "VND", 500_000),
        ("500.000", "VND", 500_000),
        ("1 000", "VND", 1_000),
        ("12.50", "USD", 1_250),
        ("1,234.5", "USD", 123_450),
        ("", "VND", 0),
        ("abc", "VND", 0),
        ("NaN", "VND", 0),
        ("Infinity", "USD", 0),
        ("1e3", "VND", 0),
    ],
)
def test_amounts_are_read_as_people_type_them(text: str, code: str, amount: int) -> None:
    assert amount_of(text, currency(code)) == amount
