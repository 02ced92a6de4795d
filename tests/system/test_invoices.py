"""Invoices with real workers: paid by hand and automatically, and a month's run that is killed."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.messages import Message
from shared.messages.billing import AccountSwitched, PaymentCollect
from shared.messages.invoicing import (
    AccountSettled,
    InvoiceIssued,
    InvoicePaid,
    InvoicePartiallyPaid,
    InvoiceRunCompleted,
    InvoicesIssued,
)
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickDay, TickMonth
from shared.messages.upstream import AccountSwitchRequested, InvoicePaymentRequested
from tests.builders import said
from tests.integration.invoicing.house import price, product, provisioned, registered
from tests.system.conftest import OpenHouse
from tests.system.house import House
from tests.system.shop import (
    assert_audit_is_clean,
    catalogue,
    customer,
    fetch,
    order,
    server,
    topped_up,
)

OCTOBER = datetime(2026, 9, 30, 17, 0, tzinfo=UTC)
NOVEMBER = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
"""Midnights in Ho Chi Minh City."""


def _switch(to: str, at: datetime) -> Message:
    return said(
        AccountSwitchRequested.model_validate(
            {"account_id": "acc-1", "user_type": to, "requested_by": "sales", "reason": "contract"}
        ),
        at=at,
    )


async def _use_of_october(house: House) -> None:
    """A postpaid customer with two servers has used them in October, for 93,000 and 36,167."""
    await house.publish(*catalogue(), *customer())
    await house.publish(_switch("postpaid", OCTOBER - timedelta(days=5)))
    await house.wait_for(AccountSwitched)
    await house.publish(
        order(
            "ord-1",
            [server("dear", "image", days=None), server("cheap", "disk", days=None)],
            at=OCTOBER,
        )
    )
    await house.wait_for(ResourceProvisioned, lambda one: one.resource_id == "cheap")
    await house.wait_for(ResourceProvisioned, lambda one: one.resource_id == "dear")
    await house.wait_until_idle()
    await house.publish(said(TickMonth(period="2026-10"), at=NOVEMBER))
    await house.wait_for(InvoiceRunCompleted)
    await house.wait_until_idle()


async def test_automatic_payment_takes_the_credit_there_is_and_the_user_pays_the_rest(
    house: House,
) -> None:
    house.start()
    await _use_of_october(house)
    await house.publish(*topped_up("acc-1", 100_000))
    await house.wait_until_idle()
    overdue = NOVEMBER + timedelta(days=16)
    await house.publish(said(TickDay(), at=overdue))
    await house.wait_for(InvoicePartiallyPaid)
    await house.wait_until_idle()
    (cheap,) = house.heard(InvoicePaid)
    (dear,) = house.heard(InvoicePartiallyPaid)
    assert (cheap.amount, dear.amount, dear.outstanding) == (36_167, 63_833, 29_167)

    top_up = topped_up("acc-1", 50_000)[0]
    again = type(top_up).model_validate({**top_up.model_dump(), "top_up_id": "second"})
    await house.publish(said(again, at=overdue))
    await house.wait_until_idle()
    await house.publish(
        said(
            InvoicePaymentRequested(
                invoice_id=dear.invoice_id, account_id="acc-1", method="credit"
            ),
            at=overdue + timedelta(hours=1),
        )
    )
    await house.wait_for(AccountSettled)
    await house.wait_until_idle()
    assert [one.amount for one in house.heard(InvoicePaid)] == [36_167, 29_167]
    assert [one.as_far_as_possible for one in house.heard(PaymentCollect)] == [True, True, False]
    assert await fetch(house, "select balance from wallet.wallet") == [(20_833,)]
    await assert_audit_is_clean(house)


async def test_a_switch_to_prepaid_issues_the_final_invoice(house: House) -> None:
    house.start()
    await _use_of_october(house)
    await house.publish(_switch("prepaid", NOVEMBER + timedelta(days=10)))
    await house.wait_for(InvoiceIssued, lambda one: one.resource_id == "dear")
    await house.wait_for(InvoiceIssued, lambda one: one.resource_id == "cheap")
    await house.wait_until_idle()
    finals = {one.resource_id: one for one in house.heard(InvoiceIssued)}
    assert {one.kind for one in finals.values()} == {"final"}
    assert finals["dear"].gross == 30_000, "10 of 30 days"
    await house.publish(said(TickMonth(period="2026-11"), at=NOVEMBER + timedelta(days=40)))
    run = await house.wait_for(InvoiceRunCompleted, lambda one: one.period == "2026-11")
    assert run.invoices == 0


@pytest.mark.parametrize("step", ["handled:3", "said:4", "committed:3", "published:2"])
async def test_a_run_whose_workers_are_killed_invoices_each_resource_once(
    house_of: OpenHouse, step: str
) -> None:
    accounts = [f"acc-{number:04d}" for number in range(1_050)]
    house = await house_of("invoicing")
    first = house.start("invoicing")
    await house.publish(product(), price(300_000), *(registered(name) for name in accounts))
    await house.publish(
        *(provisioned(OCTOBER, f"res-{name}", account_id=name) for name in accounts)
    )
    await house.wait_until_idle()
    assert first.terminate() == 0

    dying = house.start("invoicing", die_at=step)
    await house.publish(said(TickMonth(period="2026-10"), at=NOVEMBER))
    assert await dying.wait_for_end() == -9
    house.start("invoicing")
    house.start("invoicing")
    completed = await house.wait_for(InvoiceRunCompleted)
    await house.wait_until_idle()

    assert (completed.invoices, completed.amount) == (1_050, 1_050 * 310_000)
    told = [one.resource_id for batch in house.heard(InvoicesIssued) for one in batch.invoices]
    assert sorted(told) == [f"res-{name}" for name in accounts]
    assert len(house.heard(InvoiceRunCompleted)) == 1
    (row,) = await fetch(
        house,
        """select count(*), count(distinct (series, number)),
                  (select sum(next_number - 1)::int from invoicing.invoice_series)
           from invoicing.invoice""",
    )
    assert row == (1_050, 1_050, 1_050)
