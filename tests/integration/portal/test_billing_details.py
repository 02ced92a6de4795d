"""Whom documents are made out to: told by the account or Support, and kept by what was issued."""

from datetime import timedelta

import asyncpg
import pytest

from shared.messages import Message
from shared.messages.upstream import AccountChanged, AccountRegistered, BillingDetails
from tests.builders import NOON, said
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.programs import program
from tests.integration.portal.story import ACCOUNT, DAY
from tests.integration.portal.test_support import staff

_ROOT = f"/accounts/{ACCOUNT}"
_FORM = {
    "legal_name": "Công ty TNHH An",
    "address": "12 Lê Lợi\r\n\r\nQuận 1, TP. HCM",
    "country": "vn",
    "tax_code": "0312345678-001",
}


def changed(tax_code: str, *, days: int) -> AccountChanged:
    """Another tax code, some days after noon."""
    details = BillingDetails(address=("12 Le Loi",), tax_code=tax_code)
    message = AccountChanged(account_id=ACCOUNT, billing_details=details)
    return said(message, at=NOON + days * DAY, id=f"changed {tax_code}")


async def tax_code_of(office: Office, invoice_id: str) -> str | None:
    """The customer's tax code on an invoice."""
    browser = await office.customer(ACCOUNT)
    page = await browser.open(f"{_ROOT}/invoices/{invoice_id}.xml")
    customer = page.partition("AccountingCustomerParty")[2].partition("AccountingCustomerParty")[0]
    found = customer.partition("<cbc:CompanyID>")[2].partition("<")[0]
    return found or None


async def test_a_customer_says_whom_invoices_are_made_out_to_and_follows_it(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/details")
    await browser.fill_in(f"{_ROOT}/details", _FORM)
    (message,) = await office.said()
    assert isinstance(message, AccountChanged)
    assert message.billing_details == BillingDetails(
        legal_name="Công ty TNHH An",
        address=("12 Lê Lợi", "Quận 1, TP. HCM"),
        tax_code="0312345678-001",
    )
    await office.hear(message)
    await browser.open(browser.path)
    assert "Done." in browser.text
    await browser.open(f"{_ROOT}/details")
    assert "12 Lê Lợi\nQuận 1, TP. HCM" in browser.page
    assert 'value="0312345678-001"' in browser.page


@pytest.mark.parametrize(
    "wrong",
    [
        {"tax_code": "no such code"},
        {"country": "Vietnam"},
        {"address": "\n".join("123456")},
        {"legal_name": "A" * 201},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_what_can_not_be_is_said_beside_what_was_typed(
    office: Office, wrong: dict[str, str]
) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/details")
    await browser.fill_in(f"{_ROOT}/details", _FORM | wrong)
    assert browser.status == 422
    assert 'role="alert"' in browser.page
    assert next(iter(wrong.values())) in browser.page
    assert await office.said() == []


async def test_an_invoice_keeps_what_it_was_issued_with_whatever_is_heard_when(
    office: Office,
) -> None:
    messages: list[Message] = [
        *story.whole_life(),
        changed("FIRST", days=-3),
        changed("SECOND", days=-1),
        changed("LATER", days=3),
    ]
    await office.hear(*messages)
    assert await tax_code_of(office, "invoice-ord-1") == "SECOND"
    browser = await office.customer(ACCOUNT)
    first = (await browser.client.get(f"{_ROOT}/invoices/invoice-ord-1.pdf")).content
    await office.hear(changed("LATEST", days=5))
    again = (await browser.client.get(f"{_ROOT}/invoices/invoice-ord-1.pdf")).content
    assert first == again


async def test_what_is_told_late_changes_no_invoice_and_no_credit_note_that_is_issued(
    office: Office,
) -> None:
    await office.hear(*story.whole_life(), changed("KNOWN", days=-3))
    browser = await office.customer(ACCOUNT)
    papers = ("invoices/invoice-ord-1", "invoices/invoice-month", "credit-notes/note-1")
    paths = [f"{_ROOT}/{paper}.{kind}" for paper in papers for kind in ("pdf", "xml")]
    before = [(await browser.client.get(path)).content for path in paths]
    await office.hear(changed("LATE", days=-1), *story.whole_life())
    assert [(await browser.client.get(path)).content for path in paths] == before
    await office.hear(*story.bought("ord-3", "vm-3"))
    assert await tax_code_of(office, "invoice-ord-3") == "LATE"


async def test_an_invoice_of_before_anything_was_told_stays_without_it(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    path = f"{_ROOT}/invoices/invoice-ord-1.pdf"
    before = (await browser.client.get(path)).content
    await office.hear(changed("FIRST", days=-1), changed("SECOND", days=2))
    assert (await browser.client.get(path)).content == before
    assert await tax_code_of(office, "invoice-ord-1") is None


async def test_of_two_that_were_told_at_once_each_order_gives_the_same(office: Office) -> None:
    seen = []
    for days, order in ((-2, ("ONE", "TWO")), (-1, ("TWO", "ONE"))):
        for tax_code in order:
            await office.hear(changed(tax_code, days=days))
        await office.hear(story.registered(), *story.bought(f"ord{days}", f"vm{days}"))
        seen.append(await tax_code_of(office, f"invoice-ord{days}"))
    assert seen == ["TWO", "TWO"]


async def test_what_upstream_registers_an_account_with_is_on_its_invoices(office: Office) -> None:
    details = BillingDetails(tax_code="0399", address=("1 Hai Ba Trung",))
    registered = AccountRegistered(
        account_id=ACCOUNT, email="an@example.com", name="An", billing_details=details
    )
    others = [one for one in story.whole_life() if not isinstance(one, AccountRegistered)]
    await office.hear(said(registered, at=NOON - timedelta(days=90)), *others)
    assert await tax_code_of(office, "invoice-month") == "0399"


async def test_support_sets_it_with_a_reason_and_sees_it(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await staff(office)
    path = f"/support/accounts/{ACCOUNT}/details"
    await browser.open(path)
    answer = await browser.send(path, _FORM | {"reason": "asked by telephone"})
    (message,) = await office.said()
    assert isinstance(message, AccountChanged)
    assert (message.changed_by, message.reason) == ("nobody@example.com", "asked by telephone")
    await office.hear(message)
    await browser.open(answer.headers["location"])
    assert "outcome-done" in browser.page
    await browser.open(f"/support/accounts/{ACCOUNT}")
    assert "Công ty TNHH An, 12 Lê Lợi, Quận 1, TP. HCM, VN · Tax code 0312345678-001" in (
        browser.text
    )
    (event,) = await office.rows("select position from event where type = 'account.changed'")
    await browser.open(f"/support/accounts/{ACCOUNT}/messages/{event['position']}")
    assert "0312345678" not in browser.page
    assert "Lê Lợi" not in browser.page


async def test_programs_read_and_set_it(office: Office) -> None:
    await office.hear(*story.whole_life())
    mine = await program(office, ACCOUNT)
    assert (await mine.get(""))["billing_details"] is None
    answer = await mine.ask("PUT", "/billing-details", {"tax_code": "0312345678"})
    assert answer.status_code == 202, answer.text
    told = (await mine.get(""))["billing_details"]
    assert (told["tax_code"], told["country"], told["address"]) == ("0312345678", "VN", [])


async def test_programs_take_credit_notes_and_statements_along(office: Office) -> None:
    await office.hear(*story.whole_life())
    mine = await program(office, ACCOUNT)
    for path in ("/credit-notes/note-1/pdf", "/statements/2026-11/pdf?language=vi"):
        answer = await mine.ask("GET", path)
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"%PDF")
    for path in ("/credit-notes/none/pdf", "/statements/2027-01/pdf", "/statements/last/pdf"):
        assert (await mine.ask("GET", path)).status_code == 404


async def test_what_was_told_is_never_changed(office: Office) -> None:
    await office.hear(changed("FIRST", days=0))
    async with office.connections.acquire() as db:
        for statement in (
            "update billing_details set tax_code = '1'",
            "delete from billing_details",
            "truncate billing_details",
        ):
            with pytest.raises(
                (asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)
            ):
                await db.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute(
                "insert into billing_details (account_id, at, event_id, address, country)"
                " values ('a', now(), 'e', '{}', 'vietnam')"
            )
