"""Holds of accounts whose user type was switched (domain 8, 10)."""

from datetime import timedelta

from tests.integration.invoicing.holding import (
    BEGUN,
    DAY,
    asked,
    day,
    granted,
    held_now,
    open_shop,
    ordered,
    switched,
)
from tests.integration.invoicing.house import (
    Invoicing,
    product,
)

HOUR = timedelta(hours=1)


async def test_an_account_that_becomes_postpaid_holds_nothing_from_then(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    answers = await invoicing.hear(switched("postpaid", BEGUN + DAY))
    assert asked(answers) == {"res-1": 0}
    await granted(invoicing, answers)
    assert asked(await invoicing.settle(day(BEGUN + 2 * DAY))) == {}


async def test_what_was_ordered_before_a_switch_and_comes_after_it_is_not_held_for(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    answers = await invoicing.hear(switched("postpaid", BEGUN - HOUR), ordered())
    assert asked(answers) == {"res-1": 0}


async def test_an_account_that_becomes_prepaid_holds_from_its_next_day(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(
        switched("postpaid", BEGUN - DAY), ordered(held=None), switched("prepaid", BEGUN + DAY)
    )
    assert await held_now(invoicing) == {}
    assert asked(await invoicing.settle(day(BEGUN + 2 * DAY))) == {"res-1": 3_000_000}


async def test_postpaid_use_that_only_waits_for_its_conversion_is_not_held_for(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(product(since=BEGUN))
    await invoicing.hear(
        switched("postpaid", BEGUN - DAY), ordered(held=None), switched("prepaid", BEGUN + DAY)
    )
    assert asked(await invoicing.settle(day(BEGUN + 2 * DAY))) == {}
