"""Documents in the portal: of one's own account, in one's own language, and only those."""

from datetime import timedelta
from typing import Any, Final

import pytest

from shared.messages import Message
from shared.messages.billing import PaymentConfirmed
from shared.messages.invoicing import (
    InvoiceCredited,
    InvoiceIssued,
    InvoicePartiallyPaid,
    InvoicesIssued,
)
from shared.messages.upstream import NotificationRecipientConfirmed
from shared.messages.wallet import WalletCredited, WalletDebited
from tests.builders import NOON, said
from tests.integration.portal.conftest import Office
from tests.integration.portal.test_logins import registered

INVOICE: Final[dict[str, Any]] = {
    "invoice_id": "inv-1",
    "number": "2026A-0000001",
    "account_id": "acc-1",
    "resource_id": "web",
    "order_id": "ord-1",
    "kind": "prepaid",
    "status": "paid",
    "period_from": NOON,
    "period_to": NOON + timedelta(days=60),
    "lines": [
        {
            "sku": "image",
            "description": "Ubuntu",
            "quantity": "1",
            "minutes": 86_400,
            "unit_price": "90000",
            "amount": 180_000,
            "vat": 16_364,
            "vat_rate": "0.1",
            "vat_included": True,
        }
    ],
    "discount": 20_000,
    "net": 145_454,
    "vat": 14_546,
    "gross": 160_000,
    "currency": "VND",
}
OWED: Final[dict[str, Any]] = INVOICE | {
    "invoice_id": "inv-2",
    "number": "2026A-0000002",
    "order_id": None,
    "kind": "usage",
    "status": "unpaid",
    "discount": 0,
    "net": 163_636,
    "vat": 16_364,
    "gross": 180_000,
    "due_at": NOON + timedelta(days=15),
}


def issued(invoice: dict[str, Any]) -> Message:
    return said(InvoiceIssued.model_validate(invoice))


def paid_order() -> Message:
    return said(
        PaymentConfirmed(
            payment_id="payment-ord-1",
            order_id="ord-1",
            account_id="acc-1",
            amount=160_000,
            currency="VND",
            method="credit",
            items=(),
        )
    )


def moved(kind: type[WalletCredited] | type[WalletDebited], amount: int, balance: int) -> Message:
    return said(
        kind(
            account_id="acc-1",
            wallet="credit",
            amount=amount,
            balance=balance,
            held=0,
            available=balance,
            reason="top_up" if kind is WalletCredited else "order",
            reference=f"to-{balance}",
        ),
        at=NOON + timedelta(seconds=balance % 59),
    )


async def test_an_invoice_is_there_as_pdf_and_as_ubl(office: Office) -> None:
    await office.hear(registered("acc-1"), paid_order(), issued(INVOICE))
    browser = await office.customer("acc-1")
    answer = await browser.client.get("/accounts/acc-1/invoices/inv-1.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    assert 'filename="2026A-0000001.pdf"' in answer.headers["content-disposition"]
    again = await browser.client.get("/accounts/acc-1/invoices/inv-1.pdf")
    assert again.content == answer.content
    ubl = await browser.client.get("/accounts/acc-1/invoices/inv-1.xml")
    assert "<cbc:ID>2026A-0000001</cbc:ID>" in ubl.text
    assert '<cbc:PrepaidAmount currencyID="VND">160000</cbc:PrepaidAmount>' in ubl.text


async def test_an_invoice_is_in_the_language_of_who_reads_it(office: Office) -> None:
    await office.hear(registered("acc-1"), issued(INVOICE))
    english = await office.customer("acc-1")
    vietnamese = await office.customer("acc-1", **{"accept-language": "vi"})
    path = "/accounts/acc-1/invoices/inv-1.pdf"
    one, other = await english.client.get(path), await vietnamese.client.get(path)
    assert one.status_code == other.status_code == 200
    assert one.content != other.content


async def test_what_was_paid_and_credited_since_is_on_the_pdf_and_not_in_the_ubl(
    office: Office,
) -> None:
    await office.hear(registered("acc-1"), issued(OWED))
    browser = await office.customer("acc-1")
    pdf, xml = "/accounts/acc-1/invoices/inv-2.pdf", "/accounts/acc-1/invoices/inv-2.xml"
    before = [(await browser.client.get(path)).content for path in (pdf, xml)]
    paid = {"invoice_id": "inv-2", "account_id": "acc-1", "payment_id": "p", "amount": 80_000}
    await office.hear(
        said(InvoicePartiallyPaid.model_validate(paid | {"outstanding": 100_000})), credited()
    )
    after = [(await browser.client.get(path)).content for path in (pdf, xml)]
    assert before[0] != after[0]
    assert before[1] == after[1]


def credited() -> Message:
    return said(
        InvoiceCredited(
            credit_note_id="note-1",
            number="2026A-0000002-C1",
            invoice_id="inv-2",
            account_id="acc-1",
            amount=50_000,
            net=45_455,
            vat=4_545,
            given_back=0,
            outstanding=50_000,
            currency="VND",
            reason="interrupted",
        )
    )


async def test_a_credit_note_is_there_as_pdf_and_as_ubl(office: Office) -> None:
    await office.hear(registered("acc-1"), issued(OWED), credited())
    browser = await office.customer("acc-1")
    pdf = await browser.client.get("/accounts/acc-1/credit-notes/note-1.pdf")
    assert pdf.content.startswith(b"%PDF-")
    ubl = await browser.client.get("/accounts/acc-1/credit-notes/note-1.xml")
    assert "<cbc:ID>2026A-0000002</cbc:ID>" in ubl.text


async def test_a_month_is_there_as_a_statement_and_stays_as_it_was(office: Office) -> None:
    await office.hear(
        registered("acc-1"),
        moved(WalletCredited, 500_000, 500_000),
        moved(WalletDebited, 160_000, 340_000),
        paid_order(),
        issued(INVOICE),
        said(InvoicesIssued.model_validate({"period": "2026-10", "invoices": [OWED]})),
    )
    office.later(days=40)
    browser = await office.customer("acc-1")
    path = "/accounts/acc-1/statements/2026-11.pdf"
    answer = await browser.client.get(path)
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
    office.later(days=1)
    browser = await office.customer("acc-1")
    assert (await browser.client.get(path)).content == answer.content
    assert (await browser.client.get("/accounts/acc-1/statements/2026-12.pdf")).status_code == 200


async def test_a_statement_that_lacks_something_on_its_way_is_not_given_out(
    office: Office,
) -> None:
    await office.hear(registered("acc-1"), moved(WalletDebited, 160_000, 340_000))
    office.later(days=1)
    browser = await office.customer("acc-1")
    answer = await browser.client.get("/accounts/acc-1/statements/2026-11.pdf")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/acc-1/invoices/inv-1.pdf",
        "/accounts/acc-1/invoices/inv-1.xml",
        "/accounts/acc-1/credit-notes/note-1.pdf",
        "/accounts/acc-1/credit-notes/note-1.xml",
        "/accounts/acc-1/statements/2026-11.pdf",
        "/accounts/acc-2/invoices/inv-1.pdf",
        "/accounts/acc-2/invoices/inv-1.xml",
        "/accounts/acc-2/credit-notes/note-1.pdf",
        "/accounts/acc-2/credit-notes/note-1.xml",
        "/accounts/acc-2/statements/2027-01.pdf",
        "/accounts/acc-2/statements/soon.pdf",
        "/accounts/acc-2/statements/9999-12.pdf",
        "/accounts/acc-2/statements/0000-01.pdf",
    ],
)
async def test_other_accounts_documents_are_not_there(office: Office, path: str) -> None:
    await office.hear(
        registered("acc-1"), registered("acc-2"), issued(INVOICE), issued(OWED), credited()
    )
    browser = await office.customer("acc-2")
    answer = await browser.client.get(path)
    assert answer.status_code == 404
    assert b"2026A" not in answer.content


async def test_opening_a_link_agrees_to_nothing_and_its_button_does(office: Office) -> None:
    browser = await office.browser()
    token = "A-token_of-24-random-bytes-xyz01"
    await browser.open(f"/recipients/{token}")
    assert browser.status == 200
    assert await office.said() == []
    await browser.fill_in(f"/recipients/{token}", {})
    assert "Thank you" in browser.text
    (message,) = await office.said()
    assert isinstance(message, NotificationRecipientConfirmed)
    assert (message.token, message.time) == (token, NOON)


async def test_a_link_that_is_none_is_not_there(office: Office) -> None:
    browser = await office.browser()
    await browser.open("/recipients/short")
    assert browser.status == 404
