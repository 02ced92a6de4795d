"""Read tables: the same whatever the order in which messages come, and however often."""

import random
from typing import Any

import pytest

from shared.messages import Message
from shared.messages.invoicing import AccountOverdue, AccountSettled
from shared.messages.notifications import NotificationRequested
from shared.messages.wallet import WalletCredited
from tests.builders import NOON, said
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT, DAY, HOUR

_TABLES = {
    "account": "account_id",
    "poc": "grant_id",
    "product": "product",
    "price": "sku",
    "placed_order": "order_id",
    "order_item": "order_id, item_id",
    "payment": "payment_id",
    "resource": "resource_id",
    "auto_renewal": "resource_id",
    "wallet": "wallet",
    "wallet_entry": "event_id",
    "invoice_state": "invoice_id",
    "invoice_payment": "payment_id",
    "credit_note": "credit_note_id",
    "notice": "event_id",
    "notice_preferences": "account_id",
    "notice_recipient": "email, asked_at",
    "notice_end": "notice_id",
    "usage_report": "period",
}


async def everything(office: Office) -> dict[str, list[dict[str, Any]]]:
    """All read tables, and the events without the order in which they came."""
    tables = {
        table: await office.rows(f"select * from {table} order by {key}")
        for table, key in _TABLES.items()
    }
    events = "select account_id, time, type, event_id, payload from event order by time, event_id"
    return tables | {"event": await office.rows(events)}


async def test_a_life_is_told_by_its_tables(office: Office) -> None:
    await office.hear(*story.whole_life())
    (bought, failed) = await office.rows(
        "select order_id, state, amount from order_state order by order_id"
    )
    assert (bought["state"], bought["amount"]) == ("done", 90_000)
    assert failed["state"] == "failed"
    (item,) = await office.rows("select * from order_item where order_id = 'ord-2'")
    assert (item["reason"], item["given_back"]) == ("simulated_failure", 90_000)
    (resource,) = await office.rows("select * from resource")
    assert (resource["state"], resource["version"]) == ("stopped", 2)
    (wallet,) = await office.rows("select * from wallet")
    assert (wallet["balance"], wallet["position"]) == (410_000, 2)
    month, purchase = await office.rows("select * from invoice_state order by kind desc")
    assert (month["paid"], month["credited"], month["outstanding"]) == (30_000, 10_000, 50_000)
    assert (month["status"], purchase["status"], purchase["outstanding"]) == (
        "partially_paid",
        "paid",
        0,
    )
    (waiting,) = await office.rows("select * from payment_state where state = 'open'")
    assert waiting["url"] == "https://pay.example.com/1"


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_messages_comes_to_the_same(office: Office, seed: int) -> None:
    messages: list[Message] = story.whole_life()
    await office.hear(*messages)
    expected = await everything(office)
    tables = {"invoice" if table == "invoice_state" else table for table in _TABLES}
    for table in (*tables, "event"):
        async with office.connections.acquire() as db:
            await db.execute(f"delete from {table}")
    shuffled = list(messages)
    random.Random(seed).shuffle(shuffled)
    for message in shuffled:
        await office.hear(message)
    assert await everything(office) == expected


async def test_messages_that_come_again_change_nothing(office: Office) -> None:
    messages = story.whole_life()
    await office.hear(*messages)
    before = await everything(office)
    await office.hear(*messages)
    for message in reversed(messages):
        await office.hear(message)
    assert await everything(office) == before


async def test_an_older_balance_does_not_replace_a_newer_one(office: Office) -> None:
    newer = story.wallet(WalletCredited, 5, 500, 7, at=NOON - DAY)
    await office.hear(newer)
    await office.hear(story.wallet(WalletCredited, 5, 400, 6, at=NOON))
    (wallet,) = await office.rows("select balance from wallet")
    assert wallet["balance"] == 500


async def test_a_refused_renewal_is_off_whichever_comes_first(office: Office) -> None:
    wish = story.auto_renewal(3)
    refusal = NotificationRequested(
        account_id=ACCOUNT, template="auto_renew_refused", facts={"resource_id": "vm-1"}
    ).because(wish)
    for group in ([wish, refusal], [refusal, wish]):
        await office.hear(group[0])
        await office.hear(group[1])
        (renewal,) = await office.rows("select months from auto_renewal")
        assert renewal["months"] is None
    await office.hear(story.auto_renewal(6, at=NOON + HOUR))
    (renewal,) = await office.rows("select months from auto_renewal")
    assert renewal["months"] == 6


async def test_an_account_is_overdue_until_it_is_settled(office: Office) -> None:
    overdue = said(AccountOverdue(account_id=ACCOUNT, since=NOON - DAY), at=NOON)
    settled = said(AccountSettled(account_id=ACCOUNT), at=NOON + HOUR)
    await office.hear(settled)
    await office.hear(overdue)
    (account,) = await office.rows("select overdue_since from account")
    assert account["overdue_since"] is None
    await office.hear(said(AccountOverdue(account_id=ACCOUNT, since=NOON), at=NOON + DAY))
    (account,) = await office.rows("select overdue_since from account")
    assert account["overdue_since"] == NOON


async def test_events_of_all_months_are_kept_each_in_its_partition(office: Office) -> None:
    for days in (0, 31, 62, 800):
        await office.hear(
            said(AccountSettled(account_id=ACCOUNT), at=NOON + days * DAY, id=f"event {days}")
        )
    partitions = await office.rows("select tableoid::regclass::text as name from event")
    assert len({row["name"] for row in partitions}) == 4


async def test_an_act_is_only_ever_added(office: Office) -> None:
    await office.customer(ACCOUNT)
    async with office.connections.acquire() as db:
        await db.execute(
            """insert into act (act_id, idempotency, actor, role, kind, message_id, correlation_id,
                                details, at)
               values ('a', 'k', 'an', 'customer', 'top_up', 'm', 'c', '{}', now())"""
        )
        for statement in ("update act set kind = 'x'", "delete from act"):
            with pytest.raises(Exception, match="only ever added"):
                await db.execute(statement)
