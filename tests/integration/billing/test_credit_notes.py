"""What credit notes of prepaid invoices give back is reserved, as far as it is left (domain 6)."""

from datetime import datetime
from functools import partial

import pytest

from shared.database import pool
from shared.messages import Message, Said
from shared.messages.billing import OrderConfirmed, RefundReserved, RefundToCredit
from shared.messages.provisioning import ResourceEvent
from tests.builders import NOON
from tests.integration.at_once import one_after_the_other
from tests.integration.billing.neighbours import (
    DAY,
    acted,
    components_of,
    created,
    failed,
    happened,
    item_of,
    registered,
    to_reserve,
)
from tests.integration.billing.till import Till, handle, of_type, one, refusals, waits


async def deletion_of(till: Till, event: ResourceEvent, *, at: datetime) -> ResourceEvent:
    """That `vm-1` is gone, which is yet to be heard."""
    deletion = one(await till.hear(acted("delete", at=at)), OrderConfirmed)
    return happened(deletion, before=event)


async def deleted(till: Till, event: ResourceEvent, *, at: datetime) -> list[int]:
    """What the deletion of `vm-1` gives back."""
    return given_back(await till.hear(await deletion_of(till, event, at=at)))


def given_back(answers: list[Said]) -> list[int]:
    return [refund.amount for refund in of_type(answers, RefundToCredit)]


def reserved(answers: list[Said]) -> list[tuple[str, int]]:
    return [(one.credit_note_id, one.amount) for one in of_type(answers, RefundReserved)]


async def test_what_is_reserved_is_told_with_all_that_its_note_needs(till: Till) -> None:
    await till.open_shop()
    command = to_reserve(await till.run(), 50_000)
    answer = one(await till.hear(command), RefundReserved)
    assert answer.model_dump() == command.model_dump()
    assert answer.time == command.time


async def test_what_is_reserved_twice_is_kept_once_and_told_again(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 90_000))
    again = to_reserve(event, 90_000), to_reserve(event, 90_000, reason="in other words")
    assert reserved(await till.hear(*again)) == [("cn-1", 90_000)] * 2
    assert await till.rows("select given_back from credit_note") == [{"given_back": 90_000}]


async def test_an_id_with_another_content_is_refused(till: Till) -> None:
    await till.open_shop()
    event, other = await till.run(), await till.run("vm-2")
    await till.hear(to_reserve(event, 10_000))
    answers = await till.hear(to_reserve(event, 20_000), to_reserve(other, 10_000))
    assert refusals(answers) == ["id_reused", "id_reused"]
    assert not reserved(answers)


async def test_what_credit_notes_give_back_is_not_given_back_again(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 50_000), to_reserve(event, 10_000, "cn-2"))
    assert await deleted(till, event, at=NOON + 10 * DAY) == [30_000]


async def test_what_a_deletion_gave_back_is_not_credited_again(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    assert await deleted(till, event, at=NOON + 10 * DAY) == [60_000]
    answers = await till.hear(*(to_reserve(event, 30_000, name) for name in ("cn-1", "cn-2")))
    assert reserved(answers) == [("cn-1", 30_000)]
    assert refusals(answers) == ["exceeds_invoice"]


async def test_what_a_deletion_in_the_same_group_gives_back_is_not_credited(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    gone = await deletion_of(till, event, at=NOON)
    answers = await till.hear(to_reserve(event, 90_000), gone)
    assert given_back(answers) == [90_000]
    assert refusals(answers) == ["exceeds_invoice"]


async def test_what_is_left_of_the_money_may_be_more_than_is_unused(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 10_000))
    assert await deleted(till, event, at=NOON + 20 * DAY) == [30_000]


async def test_a_smaller_configuration_and_a_deletion_give_back_no_more_than_is_left(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 20_000))
    order = acted("resize", components=components_of("disk"))
    smaller = happened(one(await till.hear(order), OrderConfirmed), before=event)
    assert given_back(await till.hear(smaller)) == [55_000]
    assert await deleted(till, smaller, at=NOON) == [15_000]


async def test_what_was_credited_in_full_gives_nothing_back(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 90_000))
    order = acted("resize", components=components_of("disk"))
    confirmed = one(await till.hear(order), OrderConfirmed)
    assert [line.amount for line in confirmed.items[0].lines] == [35_000, -35_000]
    smaller = happened(confirmed, before=event)
    assert given_back(await till.hear(smaller)) == []
    assert await deleted(till, smaller, at=NOON) == []


async def test_a_smaller_configuration_is_invoiced_with_what_it_gives_back(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(to_reserve(event, 70_000))
    order = acted("resize", components=components_of("disk"))
    confirmed = one(await till.hear(order), OrderConfirmed)
    assert confirmed.items[0].amount == -20_000
    assert given_back(await till.hear(happened(confirmed, before=event))) == [20_000]


async def test_what_an_order_for_less_will_give_back_is_not_credited(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    order = acted("resize", components=components_of("disk"))
    confirmed = one(await till.hear(order), OrderConfirmed)
    answers = await till.hear(to_reserve(event, 35_001), to_reserve(event, 35_000, "cn-2"))
    assert refusals(answers) == ["exceeds_invoice"]
    assert reserved(answers) == [("cn-2", 35_000)]
    assert given_back(await till.hear(happened(confirmed, before=event))) == [55_000]


async def test_what_an_order_for_less_that_failed_would_have_given_back_is_credited(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    order = acted("resize", components=components_of("disk"))
    await till.hear(failed(one(await till.hear(order), OrderConfirmed)))
    assert reserved(await till.hear(to_reserve(event, 90_000))) == [("cn-1", 90_000)]


async def test_notes_of_one_group_see_each_other(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    answers = await till.hear(*(to_reserve(event, 40_000, f"cn-{n}") for n in range(3)))
    assert reserved(answers) == [("cn-0", 40_000), ("cn-1", 40_000)]
    assert refusals(answers) == ["exceeds_invoice"]


async def test_no_more_is_credited_of_an_item_than_it_cost_though_more_is_left(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    renewed = happened(await till.pay(acted("renew", days=60)), before=event)
    await till.hear(renewed)
    await till.hear(to_reserve(event, 50_000))
    answers = await till.hear(to_reserve(event, 40_001, "cn-2"), to_reserve(renewed, 1, "cn-3"))
    assert refusals(answers) == ["exceeds_invoice"]
    assert reserved(answers) == [("cn-3", 1)]
    answers = await till.hear(to_reserve(event, 40_000, "cn-4"))
    assert reserved(answers) == [("cn-4", 40_000)]


async def test_what_is_not_known_yet_is_waited_for(till: Till) -> None:
    """A resource, its item, and how that ended: commands may come before any of them."""
    await till.open_shop()
    event = await till.run()
    order = acted("renew", days=30)
    confirmed = await till.pay(order)
    renewed = happened(confirmed, before=event)
    early = (
        to_reserve(event, 1, "cn-1", resource_id="to-come"),
        to_reserve(event, 1, "cn-2", order_id="to-come"),
        to_reserve(renewed, 1, "cn-3"),
    )
    answers = await till.hear(*early)
    assert waits(answers) == ["unknown_resource", "unknown_order", "item_not_concluded"]
    assert reserved(await till.hear(renewed, early[-1])) == [("cn-3", 1)]


async def test_what_failed_and_was_given_back_has_nothing_to_credit(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(created(item_of("image")))
    event = happened(confirmed)
    await till.hear(failed(confirmed))
    assert refusals(await till.hear(to_reserve(event, 1))) == ["exceeds_invoice"]


async def test_another_account_has_none_of_the_money(till: Till) -> None:
    await till.open_shop(registered("acc-2"))
    event = await till.run()
    answers = await till.hear(to_reserve(event, 1, account_id="acc-2"))
    assert refusals(answers) == ["exceeds_invoice"]


async def one_running(database_url: str, *, to_be_deleted: bool = False) -> list[ResourceEvent]:
    """A resource that runs in a database that is committed to, and its deletion."""
    async with pool(database_url, "billing", size=1) as connections, connections.acquire() as db:
        till = Till(db)
        await till.open_shop()
        event = await till.run()
        return [event, await deletion_of(till, event, at=NOON)] if to_be_deleted else [event]


async def at_once(database_url: str, first: Message, second: Message) -> list[Said]:
    """Two workers of billing, each with one message."""
    return await one_after_the_other(
        database_url,
        "billing",
        partial(handle, messages=[first]),
        partial(handle, messages=[second]),
    )


@pytest.mark.parametrize("deleted_first", [True, False])
async def test_a_credit_note_and_a_deletion_at_once_give_the_money_back_once(
    database_url: str, deleted_first: bool
) -> None:
    event, gone = await one_running(database_url, to_be_deleted=True)
    command = to_reserve(event, 90_000)
    if deleted_first:
        answers = await at_once(database_url, gone, command)
        assert (given_back(answers), reserved(answers)) == ([90_000], [])
        assert refusals(answers) == ["exceeds_invoice"]
    else:
        answers = await at_once(database_url, command, gone)
        assert (given_back(answers), reserved(answers)) == ([], [("cn-1", 90_000)])


async def test_two_credit_notes_of_an_invoice_at_once_are_at_most_all_of_it(
    database_url: str,
) -> None:
    [event] = await one_running(database_url)
    first, second = (to_reserve(event, 60_000, name) for name in ("cn-1", "cn-2"))
    answers = await at_once(database_url, first, second)
    assert reserved(answers) == [("cn-1", 60_000)]
    assert refusals(answers) == ["exceeds_invoice"]


async def test_what_an_item_that_may_still_fail_was_paid_with_is_not_reserved(till: Till) -> None:
    """A renewal that fails gives back all that was paid for it."""
    await till.open_shop()
    event = await till.run()
    order = acted("resize", components=components_of("disk"))
    smaller = happened(one(await till.hear(order), OrderConfirmed), before=event)
    assert one(await till.hear(smaller), RefundToCredit).amount == 55_000
    renewal = await till.pay(acted("renew", days=30))
    assert refusals(await till.hear(to_reserve(event, 35_001))) == ["exceeds_invoice"]
    assert one(await till.hear(to_reserve(event, 35_000, "cn-2")), RefundReserved).amount == 35_000
    assert one(await till.hear(failed(renewal)), RefundToCredit).amount == 35_000
