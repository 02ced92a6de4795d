"""Quotes: what an order would come to, asked before anybody places it."""

from typing import Any

from shared.messages.billing import OrderConfirmed, PaymentConfirmed, QuoteGiven, RefundToCredit
from shared.messages.upstream import OrderPlaced, QuoteRequested
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    DAY,
    acted,
    components_of,
    coupon,
    created,
    debited,
    granted,
    happened,
    item_of,
    to_reserve,
)
from tests.integration.billing.till import Till, of_type, one


def question(order: OrderPlaced, **more: Any) -> QuoteRequested:
    """What a page asks before it places this order."""
    fields = {
        name: getattr(order, name) for name in QuoteRequested.model_fields if name != "quote_id"
    }
    return said(QuoteRequested(quote_id="q-1", **fields | more), at=order.time)


async def test_a_quote_is_what_the_order_then_costs(till: Till) -> None:
    await till.open_shop(coupon())
    order = created(item_of("image", "disk", days=60), coupon="SAVE")
    quote = one(await till.hear(question(order)), QuoteGiven)
    assert (quote.to_pay, quote.given_back, quote.reason) == (230_000, 0, None)
    [item] = quote.items
    assert (item.discount, item.net, item.vat) == (20_000, 209_090, 20_910)
    assert item.ends_at == NOON + 60 * DAY
    assert one(await till.hear(order), WalletCharge).amount == quote.to_pay


async def test_a_quote_keeps_nothing_and_uses_no_coupon(till: Till) -> None:
    await till.open_shop(coupon(max_uses=1))
    order = created(item_of("image"), coupon="SAVE")
    answers = await till.hear(question(order), question(order))
    assert [quote.to_pay for quote in of_type(answers, QuoteGiven)] == [70_000, 70_000]
    assert await till.rows("select * from purchase_order") == []
    [row] = await till.rows("select uses from coupon")
    assert row["uses"] == 0
    assert one(await till.hear(order), WalletCharge).amount == 70_000


async def test_a_quote_says_why_an_order_would_be_rejected(till: Till) -> None:
    await till.open_shop()
    quote = one(await till.hear(question(created(item_of("image"), coupon="NONE"))), QuoteGiven)
    assert quote.reason == "coupon_unknown"
    assert quote.items == ()
    lacking = QuoteRequested.model_validate(
        {
            "quote_id": "q-2",
            "account_id": "acc-1",
            "action": "create",
            "items": [{"item_id": "vm-1"}],
        }
    )
    assert one(await till.hear(said(lacking)), QuoteGiven).reason == "order_incomplete"


async def test_a_deletion_is_quoted_with_what_it_then_gives_back(till: Till) -> None:
    await till.open_shop()
    running = await till.run()
    deletion = acted("delete", at=NOON + 10 * DAY)
    quote = one(await till.hear(question(deletion)), QuoteGiven)
    assert (quote.to_pay, quote.given_back) == (0, 60_000)
    confirmed = one(await till.hear(deletion), OrderConfirmed)
    refund = one(await till.hear(happened(confirmed, before=running)), RefundToCredit)
    assert refund.amount == quote.given_back


async def test_what_credit_notes_gave_back_is_not_quoted_again(till: Till) -> None:
    await till.open_shop()
    await till.hear(to_reserve(await till.run(), 70_000))
    quote = one(await till.hear(question(acted("delete", at=NOON))), QuoteGiven)
    assert quote.given_back == 20_000


async def test_a_smaller_configuration_is_quoted_with_its_difference_back(till: Till) -> None:
    await till.open_shop()
    await till.run()
    smaller = acted("resize", at=NOON + 15 * DAY, components=components_of("disk"))
    quote = one(await till.hear(question(smaller)), QuoteGiven)
    assert (quote.to_pay, quote.given_back) == (0, 45_000 - 17_500)
    [item] = quote.items
    assert item.ends_at == NOON + 30 * DAY


async def test_a_renewal_is_quoted_from_the_end_of_the_term(till: Till) -> None:
    await till.open_shop()
    await till.run()
    quote = one(await till.hear(question(acted("renew", at=NOON + 5 * DAY, days=60))), QuoteGiven)
    [item] = quote.items
    assert (quote.to_pay, item.ends_at) == (180_000, NOON + 90 * DAY)


async def test_the_end_of_a_trial_is_quoted_with_what_it_then_gives_back(till: Till) -> None:
    await till.open_shop(granted(), refundable=False)
    order = created(item_of("image"), payment_method="poc")
    quote = one(await till.hear(question(order)), QuoteGiven)
    charge = one(await till.hear(order), WalletCharge)
    assert charge.amount == quote.to_pay
    running = happened(one(await till.hear(debited(charge)), PaymentConfirmed))
    await till.hear(running)
    end = acted("stop_poc", at=NOON + 10 * DAY)
    quote = one(await till.hear(question(end)), QuoteGiven)
    assert (quote.given_back, quote.items[0].ends_at) == (60_000, NOON + 10 * DAY)
    confirmed = one(await till.hear(end), OrderConfirmed)
    refund = one(await till.hear(happened(confirmed, before=running)), RefundToCredit)
    assert refund.amount == quote.given_back
