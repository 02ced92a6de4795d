"""What paid something is said wherever it is shown: to the customer, to Support, to programs, on
documents."""

from shared.messages.upstream import InvoicePaymentRecorded, TopUpReceived
from tests.builders import NOON, said
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.programs import program
from tests.integration.portal.story import ACCOUNT, HOUR
from tests.integration.portal.test_support import staff

_ROOT = f"/accounts/{ACCOUNT}"
_DESK = f"/support/accounts/{ACCOUNT}"


def transferred() -> TopUpReceived:
    """Support saw money on the bank's statement."""
    return said(
        TopUpReceived(
            top_up_id="transfer-FT1",
            account_id=ACCOUNT,
            amount=70_000,
            gateway="transfer",
            gateway_reference="FT1",
        ),
        at=NOON + HOUR,
    )


async def test_a_bank_transfer_is_no_payment_by_gateway(office: Office) -> None:
    await office.hear(story.registered(), *story.topped_up(), transferred())
    customer, desk, programs = (
        await office.customer(ACCOUNT),
        await staff(office),
        await program(office, ACCOUNT),
    )
    for browser, path in ((customer, f"{_ROOT}/payments"), (desk, _DESK)):
        await browser.open(path)
        assert browser.text.count("Bank transfer") == 1
        assert browser.text.count("Payment gateway") == 1
    csv = await customer.client.get(f"{_ROOT}/payments.csv")
    assert ",paid,transfer,70000," in csv.text
    shown = (await programs.get("/payments"))["items"]
    assert {one["payment_id"]: one["method"] for one in shown} == {
        "top-1": "gateway",
        "transfer-FT1": "transfer",
    }


async def test_what_support_recorded_is_in_the_payment_history(office: Office) -> None:
    await office.hear(*story.whole_life())
    desk = await staff(office)
    await desk.open(f"{_DESK}/record-payment")
    form = {"invoice_id": "invoice-month", "amount": "50000", "reference": "FT2", "reason": "seen"}
    await desk.send(f"{_DESK}/record-payment", form)
    (message,) = [one for one in await office.said() if isinstance(one, InvoicePaymentRecorded)]
    await office.hear(message)
    for browser, path in ((await office.customer(ACCOUNT), f"{_ROOT}/payments"), (desk, _DESK)):
        await browser.open(path)
        assert browser.text.count("Recorded by Sales") == 1
    mine = await program(office, ACCOUNT)
    shown = (await mine.get("/payments?invoice_id=invoice-month&state=paid"))["items"]
    assert [(one["method"], one["amount"]) for one in shown] == [("recorded", 50_000)]


async def test_an_invoice_that_was_paid_before_it_was_issued_says_what_paid_it(
    office: Office,
) -> None:
    await office.hear(*story.whole_life())
    customer, desk = await office.customer(ACCOUNT), await staff(office)
    for browser, root in ((customer, _ROOT), (desk, _DESK)):
        await browser.open(f"{root}/invoices/invoice-ord-1")
        paid = browser.text.partition("Payments and credit notes")[2]
        assert paid.startswith(" Credit payment-ord-1 ₫90,000 · 2 Nov 2026, 19:00:00"), paid
        pdf = await browser.client.get(f"{root}/invoices/invoice-ord-1.pdf")
        assert pdf.content.startswith(b"%PDF-")
    mine = await program(office, ACCOUNT)
    (payment,) = (await mine.get("/invoices/invoice-ord-1"))["payments"]
    assert (payment["payment_id"], payment["method"], payment["amount"]) == (
        "payment-ord-1",
        "credit",
        90_000,
    )


async def test_support_sees_only_the_invoices_of_the_account_at_hand(office: Office) -> None:
    await office.hear(*story.whole_life(), story.registered("acc-2"))
    desk = await staff(office)
    await desk.open(_DESK)
    assert f'href="{_DESK}/invoices/invoice-month"' in desk.page
    for kind in ("", ".pdf", ".xml"):
        answer = await desk.client.get(f"/support/accounts/acc-2/invoices/invoice-month{kind}")
        assert answer.status_code == 404
    note = await desk.client.get("/support/accounts/acc-2/credit-notes/note-1.pdf")
    assert note.status_code == 404
