"""Customers: switched between prepaid and postpaid, and overdue (domain 3.4, 10)."""

from datetime import datetime

from shared.messages import Message
from shared.messages.billing import (
    AccountSwitched,
    AccountSwitchRefused,
    OrderConfirmed,
    OrderRejected,
)
from shared.messages.invoicing import AccountOverdue, AccountSettled
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    HOUR,
    acted,
    created,
    item_of,
    registered,
    switched,
)
from tests.integration.billing.till import Till, of_type, one, refusals, waits


def overdue(at: datetime = NOON, since: datetime = NOON - DAY) -> Message:
    return said(AccountOverdue(account_id=ACCOUNT, since=since), at=at)


def settled(at: datetime = NOON) -> Message:
    return said(AccountSettled(account_id=ACCOUNT), at=at)


async def test_a_registration_that_comes_twice_makes_one_account(till: Till) -> None:
    await till.hear(registered(), registered())
    await till.hear(registered(currency="USD"))
    assert await till.rows("select account_id, currency from account") == [
        {"account_id": ACCOUNT, "currency": "VND"}
    ]


async def test_a_switch_tells_who_why_and_when(till: Till) -> None:
    await till.open_shop()
    event = one(await till.hear(switched("postpaid")), AccountSwitched)
    assert (event.from_, event.to, event.requested_by, event.reason, event.time) == (
        "prepaid",
        "postpaid",
        "sales",
        "wants postpaid",
        NOON,
    )
    answers = await till.hear(switched("postpaid", at=NOON + DAY))
    assert one(answers, AccountSwitchRefused).reason == "already_so"


async def test_a_switch_of_an_unknown_account_waits_and_is_then_for_a_person(till: Till) -> None:
    request = switched("postpaid")
    assert waits(await till.hear(request)) == ["unknown_account"]
    again = type(request).model_validate(request.model_dump())
    last = said(again, at=NOON, attempt=6)
    assert refusals(await till.hear(last)) == ["unknown_account"]


async def test_two_switches_at_one_moment_are_one(till: Till) -> None:
    await till.open_shop()
    answers = await till.hear(switched("postpaid"), switched("prepaid"))
    one(answers, AccountSwitched)
    assert one(answers, AccountSwitchRefused).reason == "already_so"
    assert one(await till.hear(switched("prepaid")), AccountSwitchRefused).reason == "already_so"


async def test_switches_there_and_back_end_alike_in_either_order(till: Till) -> None:
    there, back = switched("postpaid", at=NOON), switched("prepaid", at=NOON + DAY)
    await till.open_shop()
    assert one(await till.hear(back), AccountSwitchRefused).reason == "already_so"
    events = of_type(await till.hear(there), AccountSwitched)
    assert [(event.to, event.time) for event in events] == [
        ("postpaid", NOON),
        ("prepaid", NOON + DAY),
    ]
    await till.hear(registered("acc-2"))
    answers = await till.hear(
        switched("prepaid", at=NOON + DAY, account_id="acc-2"),
        switched("postpaid", at=NOON, account_id="acc-2"),
    )
    assert [event.to for event in of_type(answers, AccountSwitched)] == ["postpaid", "prepaid"]


async def test_an_order_is_of_the_type_that_its_account_had_when_it_was_placed(till: Till) -> None:
    await till.open_shop(switched("postpaid", at=NOON))
    answers = await till.hear(
        created(item_of("image"), at=NOON - HOUR),
        created(item_of("image", item_id="vm-2"), at=NOON),
    )
    one(answers, WalletCharge)
    assert one(answers, OrderConfirmed).items[0].user_type == "postpaid"


async def test_an_account_with_an_overdue_invoice_is_not_switched_to_prepaid(till: Till) -> None:
    await till.open_shop(switched("postpaid", at=NOON - 2 * DAY), overdue())
    refused = one(await till.hear(switched("prepaid", at=NOON + HOUR)), AccountSwitchRefused)
    assert refused.reason == "invoice_overdue"
    await till.hear(settled(at=NOON + DAY))
    one(await till.hear(switched("prepaid", at=NOON + 2 * DAY)), AccountSwitched)


async def test_an_overdue_account_only_stops_and_deletes(till: Till) -> None:
    await till.open_shop()
    await till.run()
    await till.hear(overdue())
    answers = await till.hear(
        created(item_of("image", item_id="vm-2")),
        acted("renew", days=30),
        acted("reboot"),
    )
    assert {rejected.reason for rejected in of_type(answers, OrderRejected)} == {"account_overdue"}
    one(await till.hear(acted("stop")), OrderConfirmed)
    before = created(item_of("image", item_id="vm-3"), at=NOON - 2 * DAY)
    one(await till.hear(before), WalletCharge)


async def test_what_was_told_last_of_an_account_counts_in_either_order(till: Till) -> None:
    await till.open_shop()
    await till.hear(settled(at=NOON))
    await till.hear(overdue(at=NOON))
    await till.hear(overdue(at=NOON - DAY), settled(at=NOON))
    one(await till.hear(created(item_of("image"))), WalletCharge)
    await till.hear(overdue(at=NOON + DAY), settled(at=NOON))
    answers = await till.hear(created(item_of("image", item_id="vm-2"), at=NOON + DAY))
    assert one(answers, OrderRejected).reason == "account_overdue"
