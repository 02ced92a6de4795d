"""Credit notes correct invoices, together at most in full, and give back what was paid."""

import asyncio

import asyncpg
import pytest

from shared.messages.billing import PaymentCollect, RefundReserve, RefundReserved, RefundToCredit
from shared.messages.invoicing import InvoiceCredited, InvoiceIssued
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.upstream import InvoiceCreditRequested
from tests.builders import said, to_credit
from tests.integration.invoicing.house import (
    Invoicing,
    of_type,
    paid_item,
    provisioned,
    put_off,
    refused,
    registered,
)
from tests.integration.invoicing.paying import (
    NOVEMBER,
    SOON,
    TICK,
    asked,
    at_one_instant,
    confirmed,
    one_invoice,
    state_of,
    templates,
)


def _credit(invoice_id: str, amount: int, name: str) -> InvoiceCreditRequested:
    return said(to_credit(name, invoice_id, amount), at=SOON)


async def test_a_credit_note_names_its_invoice_and_takes_off_what_is_outstanding(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    answers = await invoicing.hear(_credit(invoice_id, 110_000, "cn-1"))
    (note,) = of_type(answers, InvoiceCredited)
    assert (note.number, note.net, note.vat) == ("2026A-0000001-C1", 100_000, 10_000)
    assert (note.outstanding, note.given_back) == (190_000, 0)
    assert of_type(answers, RefundToCredit) == []
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    assert collect.amount == 190_000
    await invoicing.hear(confirmed(collect))
    assert await state_of(invoicing) == (190_000, 0, "paid")


async def test_what_is_credited_after_it_was_paid_goes_back_as_credit(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id, 250_000)), PaymentCollect)
    await invoicing.hear(confirmed(collect))
    answers = await invoicing.hear(_credit(invoice_id, 80_000, "cn-1"))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [30_000]
    assert await state_of(invoicing) == (250_000, 0, "paid")
    assert await invoicing.hear(_credit(invoice_id, 80_000, "cn-1")) == []


async def _prepaid_invoice(invoicing: Invoicing) -> tuple[ResourceProvisioned, str]:
    await invoicing.hear(registered())
    paid = provisioned(NOVEMBER, user_type="prepaid", ends_at=TICK, item=paid_item(90_000))
    (invoice,) = of_type(await invoicing.hear(paid), InvoiceIssued)
    return paid, invoice.invoice_id


def _reserved(command: RefundReserve) -> RefundReserved:
    return said(RefundReserved.model_validate(command.model_dump()), at=command.time)


async def test_a_credit_note_of_a_prepaid_invoice_is_issued_once_what_it_gives_back_is_reserved(
    invoicing: Invoicing,
) -> None:
    paid, invoice_id = await _prepaid_invoice(invoicing)
    (command,) = await invoicing.hear(_credit(invoice_id, 30_000, "cn-1"))
    assert isinstance(command, RefundReserve)
    assert (command.resource_id, command.order_id, command.item_id, command.amount) == (
        paid.resource_id,
        paid.order_id,
        paid.item_id,
        30_000,
    )
    assert await invoicing.rows("select from credit_note") == []
    answers = await invoicing.hear(_reserved(command))
    (note,) = of_type(answers, InvoiceCredited)
    assert (note.amount, note.given_back, note.reason) == (30_000, 30_000, command.reason)
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [30_000]
    assert templates(answers) == ["invoice_credited"]
    assert await invoicing.rows("select requested_by, at from credit_note") == [
        {"requested_by": "support", "at": SOON}
    ]


async def test_what_was_issued_is_neither_reserved_nor_issued_again(invoicing: Invoicing) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    request = _credit(invoice_id, 90_000, "cn-1")
    (command,) = of_type(await invoicing.hear(request), RefundReserve)
    (again,) = of_type(await invoicing.hear(request), RefundReserve)
    assert again.envelope.id == command.envelope.id
    answers = await invoicing.hear(_reserved(command), _reserved(command), request)
    assert len(of_type(answers, InvoiceCredited)) == 1
    assert not of_type(answers, RefundReserve)
    assert await invoicing.hear(_reserved(command), request) == []
    assert refused(await invoicing.hear(_credit(invoice_id, 1, "cn-1"))) == ["id_reused"]
    other = _reserved(command.model_copy(update={"amount": 1}))
    assert refused(await invoicing.hear(other)) == ["id_reused"]


async def test_a_prepaid_invoice_is_asked_to_be_credited_at_most_in_full(
    invoicing: Invoicing,
) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    assert refused(await invoicing.hear(_credit(invoice_id, 90_001, "cn-1"))) == ["exceeds_invoice"]
    (command,) = of_type(await invoicing.hear(_credit(invoice_id, 60_000, "cn-2")), RefundReserve)
    await invoicing.hear(_reserved(command))
    assert refused(await invoicing.hear(_credit(invoice_id, 30_001, "cn-3"))) == ["exceeds_invoice"]


async def test_what_was_reserved_waits_for_its_invoice(invoicing: Invoicing) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    (command,) = of_type(await invoicing.hear(_credit(invoice_id, 60_000, "cn-1")), RefundReserve)
    early = _reserved(command.model_copy(update={"invoice_id": "to-come"}))
    assert put_off(await invoicing.hear(early)) == ["unknown_invoice"]


async def test_credit_notes_of_an_invoice_at_once_are_all_issued(
    invoicing: Invoicing, database_url: str
) -> None:
    invoice_id = await one_invoice(invoicing)
    first, second = (_credit(invoice_id, 1_000, name) for name in ("cn-1", "cn-2"))
    answers = await at_one_instant(database_url, [first], [second])
    numbers = [one.number for one in of_type(answers, InvoiceCredited)]
    assert numbers == ["2026A-0000001-C1", "2026A-0000001-C2"]
    assert [one.outstanding for one in of_type(answers, InvoiceCredited)] == [299_000, 298_000]


async def test_credit_notes_never_exceed_their_invoice(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    answers = await invoicing.hear(
        *(_credit(invoice_id, 200_000, name) for name in ("cn-1", "cn-2"))
    )
    assert refused(answers) == ["exceeds_invoice"]
    assert len(of_type(answers, InvoiceCredited)) == 1
    assert refused(await invoicing.hear(_credit(invoice_id, 7, "cn-1"))) == ["id_reused"]
    results = await asyncio.gather(
        *(invoicing.hear(_credit(invoice_id, 60_000, f"at-once-{n}")) for n in range(3))
    )
    everything = [one for some in results for one in some]
    assert len(of_type(everything, InvoiceCredited)) == 1
    with pytest.raises(asyncpg.CheckViolationError):
        await invoicing.rows("update invoice_state set credited = gross + 1")
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows("delete from credit_note")


async def test_a_payment_under_way_for_what_is_then_credited_goes_back(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    await invoicing.hear(_credit(invoice_id, 300_000, "cn-1"))
    assert await state_of(invoicing) == (0, 300_000, "paid")
    answers = await invoicing.hear(confirmed(collect))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [300_000]
    assert await state_of(invoicing) == (0, 0, "paid")
