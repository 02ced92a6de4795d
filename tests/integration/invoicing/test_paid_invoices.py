"""Prepaid: one paid invoice for each item that was bought and provided (domain 2.4)."""

from typing import Any

import asyncpg
import pytest

from shared.messages.invoicing import InvoiceIssued
from shared.messages.provisioning import (
    ResourceRecovered,
    ResourceRenewed,
    ResourceResized,
    ResourceStopped,
    ResourceSuspended,
)
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    of_type,
    paid_item,
    provisioned,
    put_off,
    refused,
    registered,
)

START, END, LATER = hanoi("2026-11-02 09:30"), hanoi("2026-12-02 09:30"), hanoi("2027-01-01 09:30")


async def test_a_prepaid_resource_gets_one_paid_invoice_when_it_is_active(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered())
    answers = await invoicing.hear(
        provisioned(
            START, user_type="prepaid", ends_at=END, item=paid_item(230_000, discount=20_000)
        )
    )
    (invoice,) = of_type(answers, InvoiceIssued)
    assert (invoice.status, invoice.kind, invoice.gross) == ("paid", "prepaid", 230_000)
    assert invoice.net + invoice.vat == 230_000
    assert invoice.discount == 20_000
    assert (invoice.period_from, invoice.period_to) == (START, END)
    assert invoice.number == "2026A-0000001"
    (row,) = await invoicing.rows(
        "select i.gross, s.paid, s.status, l.amount from invoice i"
        " join invoice_state s using (invoice_id) join invoice_line l using (invoice_id)"
    )
    assert row == {"gross": 230_000, "paid": 230_000, "status": "paid", "amount": 250_000}


async def test_every_paid_action_has_an_invoice_of_its_own_period(invoicing: Invoicing) -> None:
    resized_at, recovered_at = hanoi("2026-11-12 12:00"), hanoi("2027-01-03 08:00")
    await invoicing.hear(registered())
    answers = await invoicing.hear(
        provisioned(START, user_type="prepaid", ends_at=END, item=paid_item(100, item_id="i1")),
        happened(
            ResourceResized, resized_at, 2, user_type="prepaid", ends_at=END,
            item=paid_item(-40, item_id="i2", action="resize"),
        ),
        happened(ResourceStopped, resized_at, 3, user_type="prepaid", ends_at=END),
        happened(
            ResourceRenewed, resized_at, 4, user_type="prepaid", ends_at=LATER,
            item=paid_item(110, item_id="i3", action="renew"),
        ),
        happened(
            ResourceRecovered, recovered_at, 5, user_type="prepaid",
            ends_at=hanoi("2027-02-02 08:00"), item=paid_item(120, item_id="i4", action="recover"),
        ),
    )  # fmt: skip
    invoices = of_type(answers, InvoiceIssued)
    assert [(one.gross, one.period_from, one.period_to) for one in invoices] == [
        (100, START, END),
        (-40, resized_at, END),
        (110, END, LATER),
        (120, recovered_at, hanoi("2027-02-02 08:00")),
    ]
    assert [one.number for one in invoices] == [
        "2026A-0000001",
        "2026A-0000002",
        "2026A-0000003",
        "2027A-0000001",
    ]
    assert {one.status for one in invoices} == {"paid"}


async def test_events_in_any_order_and_twice_make_each_invoice_once(invoicing: Invoicing) -> None:
    created = provisioned(
        START, user_type="prepaid", ends_at=END, item=paid_item(100, item_id="i1")
    )
    renewed = happened(
        ResourceRenewed, START, 2, user_type="prepaid", ends_at=LATER,
        item=paid_item(110, item_id="i2", action="renew"),
    )  # fmt: skip
    assert put_off(await invoicing.hear(created)) == ["unknown_account"]
    await invoicing.hear(registered())
    assert put_off(await invoicing.hear(renewed)) == ["earlier_event_missing"]
    assert await invoicing.value("select count(*) from resource") == 0
    assert len(of_type(await invoicing.hear(renewed, created), InvoiceIssued)) == 2
    again = happened(
        ResourceRenewed, START, 2, user_type="prepaid", ends_at=LATER,
        item=paid_item(110, item_id="i2", action="renew"),
    )  # fmt: skip
    assert await invoicing.hear(again) == []
    assert await invoicing.value("select count(*) from invoice") == 2


async def test_an_item_that_is_not_the_sum_of_its_lines_is_refused(invoicing: Invoicing) -> None:
    await invoicing.hear(registered())
    wrong = paid_item(100).model_copy(update={"amount": 101, "net": 101, "vat": 0})
    answers = await invoicing.hear(provisioned(START, user_type="prepaid", item=wrong))
    assert refused(answers) == ["item_does_not_add_up"]
    assert await invoicing.value("select count(*) from resource") == 0


async def test_what_was_paid_without_an_order_is_for_a_person_to_judge(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered())
    event = provisioned(START, user_type="prepaid", item=paid_item(100))
    orderless = said(type(event)(**{**event.model_dump(), "order_id": None}), at=START)
    assert refused(await invoicing.hear(orderless)) == ["item_without_order"]


async def test_an_item_is_invoiced_at_most_once_by_the_schema(invoicing: Invoicing) -> None:
    await invoicing.hear(registered())
    item = paid_item(100)
    await invoicing.hear(provisioned(START, user_type="prepaid", item=item, order_id="ord"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await invoicing.hear(
            happened(ResourceResized, START, 2, user_type="prepaid", item=item, order_id="ord")
        )


@pytest.mark.parametrize(
    "statement",
    [
        "update invoice set discount = 1",
        "delete from invoice_line",
        "update invoice_state set gross = 0",
        "delete from invoice_state",
    ],
)
async def test_an_issued_invoice_is_never_changed(invoicing: Invoicing, statement: str) -> None:
    await invoicing.hear(registered())
    await invoicing.hear(provisioned(START, user_type="prepaid", item=paid_item(100)))
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update invoice_state set paid = 99, reserved = 2",
        "update invoice_state set paid = 101",
        "update invoice_state set paid = -1",
        "update usage_segment set ended_at = started_at - interval '1 minute'",
        """insert into invoice_line (account_id, invoice_id, position, sku, description, quantity,
                                     unit_price, amount, vat, vat_rate, vat_included)
           select account_id, invoice_id, 9, sku, description, 1, 1, 5, 0, 0, true
           from invoice_line""",
    ],
)
async def test_the_schema_keeps_what_is_paid_and_what_adds_up(
    invoicing: Invoicing, statement: str
) -> None:
    await invoicing.hear(registered())
    await invoicing.hear(
        provisioned(START, user_type="prepaid", item=paid_item(100)),
        provisioned(START, "res-2"),
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await invoicing.rows(statement)


async def test_a_proof_of_concept_has_no_invoice_until_it_is_recovered_as_a_regular_resource(
    invoicing: Invoicing,
) -> None:
    poc: dict[str, Any] = {"user_type": "prepaid", "ends_at": END, "poc": "running"}
    created = paid_item(230_000, poc="running")
    resized = paid_item(9_000, item_id="item-2", action="resize", poc="running")
    renewed = paid_item(8_000, item_id="item-3", action="renew", poc="running")
    recovered = paid_item(90_000, item_id="item-4", action="recover")
    await invoicing.hear(registered())
    answers = await invoicing.hear(
        provisioned(START, item=created, **poc),
        happened(ResourceResized, START, 2, item=resized, **poc),
        happened(ResourceRenewed, START, 3, item=renewed, **poc),
    )
    ended = {**poc, "poc": "ended", "state": "suspended"}
    answers += await invoicing.hear(happened(ResourceSuspended, END, 4, **ended))
    assert answers == []
    back = happened(ResourceRecovered, END, 5, user_type="prepaid", ends_at=LATER, item=recovered)
    (invoice,) = of_type(await invoicing.hear(back), InvoiceIssued)
    assert (invoice.gross, invoice.status) == (90_000, "paid")


async def test_the_schema_refuses_an_invoice_of_a_proof_of_concept(invoicing: Invoicing) -> None:
    await invoicing.hear(registered())
    with pytest.raises(asyncpg.RestrictViolationError, match="proof of concept"):
        await invoicing.hear(
            provisioned(
                START, user_type="prepaid", ends_at=END, item=paid_item(230_000), poc="running"
            )
        )
