"""The Support console: who may use it, finding accounts, timelines, and what is done for them."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import pytest

from services.portal.domain.outcomes import outcome_of
from shared.messages import Message
from shared.messages.billing import AccountSwitched, AccountSwitchRefused, PaymentConfirmed
from shared.messages.invoicing import InvoiceRunAccountRequested
from shared.messages.upstream import (
    AccountRegistered,
    AccountSwitchRequested,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    OrderItem,
    OrderPlaced,
    PocGranted,
    TopUpReceived,
)
from shared.messages.wallet import WalletCredited
from tests.builders import NOON, said
from tests.integration.portal.browser import Browser
from tests.integration.portal.conftest import Office
from tests.integration.portal.papers import invoice_issued

ACTS = ("switch", "transfer", "grant-poc", "record-payment", "credit-note", "details")
PAGES = (
    "/support",
    "/support/runs",
    "/support/letters",
    "/support/acts",
    "/support/accounts/acc-1",
    "/support/accounts/acc-1/timeline",
    *(f"/support/accounts/acc-1/{act}" for act in (*ACTS, "run-again")),
)


def registered(account_id: str = "acc-1", name: str = "Nguyen Van An") -> AccountRegistered:
    return said(
        AccountRegistered(account_id=account_id, email=f"{account_id}@example.com", name=name)
    )


async def staff(office: Office, *roles: str, **headers: str) -> Browser:
    return await office.customer(roles=roles or ("support",), **headers)


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_every_page_of_the_console_is_there_in_both_languages(
    office: Office, language: str
) -> None:
    await office.hear(registered(), invoice_issued())
    browser = await staff(office, **{"accept-language": language})
    for path in PAGES:
        await browser.open(path)
        assert browser.status == 200, path
        assert f'<html lang="{language}"' in browser.page


async def test_customers_find_no_console_and_operators_move_no_money(office: Office) -> None:
    await office.hear(registered(), invoice_issued())
    customer, operator = await office.customer("acc-1"), await staff(office, "operator")
    for path in PAGES:
        await customer.open(path)
        assert customer.status == 404, path
        await operator.open(path)
        assert operator.status == (404 if path.endswith(ACTS) else 200), path
    await operator.open("/support")
    answer = await operator.send(
        "/support/accounts/acc-1/transfer",
        {"amount": "1000", "reference": "FT1", "reason": "seen", "key": "k"},
    )
    assert answer.status_code == 404
    assert await office.said() == []


@pytest.mark.parametrize(
    "typed", ["acc-1", "ACC-1@EXAMPLE", "van an", "ord-1", "web-1", "2026A-0000001"]
)
async def test_an_account_is_found_by_what_somebody_knows_of_it(office: Office, typed: str) -> None:
    await office.hear(
        registered(), registered("other", "Tran Thi Binh"), order_placed(), invoice_issued()
    )
    browser = await staff(office)
    await browser.open(f"/support?q={typed}")
    assert browser.path == "/support/accounts/acc-1"
    assert "Nguyen Van An" in browser.text


async def test_several_are_listed_and_none_is_said(office: Office) -> None:
    await office.hear(registered("acc-1"), registered("acc-2", "Nguyen Thi Chi"))
    browser = await staff(office)
    await browser.open("/support?q=nguyen")
    assert "Nguyen Van An" in browser.text
    assert "Nguyen Thi Chi" in browser.text
    for typed in ("nobody", "' or 1=1 --", "%", "a & b | c:*", "\\"):
        await browser.open("/support", q=typed)
        answer = await browser.client.get("/support", params={"q": typed})
        assert answer.status_code == 200
        assert "No account was found" in answer.text


def order_placed(order_id: str = "ord-1", item_id: str = "web-1") -> OrderPlaced:
    return said(
        OrderPlaced(
            order_id=order_id,
            account_id="acc-1",
            action="create",
            items=(
                OrderItem.model_validate(
                    {
                        "item_id": item_id,
                        "product": "vserver",
                        "name": "web",
                        "days": 30,
                        "components": [{"sku": "cpu", "quantity": "1"}],
                    }
                ),
            ),
            payment_method="credit",
        ),
        id=f"place-{order_id}",
    )


def paid(cause: OrderPlaced, later: int = 1) -> Message:
    return PaymentConfirmed(
        payment_id=f"payment-{cause.order_id}",
        order_id=cause.order_id,
        account_id="acc-1",
        amount=90_000,
        currency="VND",
        method="credit",
        items=(),
    ).because(cause, at=NOON + timedelta(minutes=later))


async def test_the_timeline_of_an_order_has_all_that_came_of_it_and_nothing_else(
    office: Office,
) -> None:
    one, other = order_placed(), order_placed("ord-2", "db-1")
    await office.hear(registered(), one, other, paid(one), paid(other))
    browser = await staff(office)
    page = await browser.open("/support/accounts/acc-1/timeline")
    assert page.count('class="line" ') == 5
    page = await browser.open("/support/accounts/acc-1/timeline?order=ord-1")
    assert page.count('class="line" ') == 2
    assert "Payment confirmed" in browser.text
    page = await browser.open("/support/accounts/acc-1/timeline?resource=db-1")
    assert page.count('class="line" ') == 2
    assert "ord-1" not in browser.text


async def test_a_long_timeline_comes_a_page_at_a_time_each_event_once(office: Office) -> None:
    orders = [order_placed(f"ord-{number:03d}", f"web-{number}") for number in range(120)]
    await office.hear(registered(), *orders)
    browser = await staff(office)
    address: str | None = "/support/accounts/acc-1/timeline"
    seen: list[str] = []
    pages = 0
    while address:
        page = await browser.open(address)
        pages += 1
        seen += [
            one.split('"')[0] for one in page.split('hx-get="/support/accounts/acc-1/messages/')[1:]
        ]
        older = page.split('<a class="button second" href="')
        address = older[1].split('"')[0].replace("&amp;", "&") if len(older) > 1 else None
    assert pages == 3
    assert len(seen) == len(set(seen)) == 121


async def test_a_message_is_shown_with_its_cause_and_effects_and_without_personal_data(
    office: Office,
) -> None:
    one = order_placed()
    await office.hear(registered(), one, paid(one))
    browser = await staff(office)
    positions = {
        row["type"]: row["position"]
        for row in await office.rows("select type, position from event where account_id <> ''")
    }
    root = "/support/accounts/acc-1/messages"
    await browser.open(f"{root}/{positions['order.placed']}")
    assert "place-ord-1" in browser.text
    assert "payment.confirmed" in browser.text
    await browser.open(f"{root}/{positions['account.registered']}")
    assert "acc-1@example.com" not in browser.page
    assert "•••" in browser.text
    await office.hear(registered("acc-2"))
    await browser.open(f"/support/accounts/acc-2/messages/{positions['order.placed']}")
    assert browser.status == 404


async def send_twice(browser: Browser, path: str, fields: dict[str, str]) -> str:
    """Send a form as somebody with an eager finger does; returns where it leads."""
    await browser.open(path)
    assert browser.status == 200
    first = await browser.send(path, fields)
    again = await browser.send(path, fields)
    assert first.status_code == again.status_code == 303, first.text
    assert first.headers["location"] == again.headers["location"]
    return str(first.headers["location"])


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        (
            "switch",
            {"user_type": "postpaid"},
            AccountSwitchRequested(
                account_id="acc-1", user_type="postpaid", requested_by="me", reason="asked"
            ),
        ),
        (
            "grant-poc",
            {"amount": "5.000.000", "last_day": "2026-12-31"},
            PocGranted(
                account_id="acc-1",
                amount=5_000_000,
                ends_at="2026-12-31T16:59:00Z",  # type: ignore[arg-type]
                granted_by="me",
            ),
        ),
        (
            "record-payment",
            {"invoice_id": "inv-1", "amount": "100,000", "reference": "FT26"},
            InvoicePaymentRecorded(
                invoice_id="inv-1",
                account_id="acc-1",
                amount=100_000,
                reference="FT26",
                recorded_by="me",
                note="asked",
            ),
        ),
        (
            "run-again",
            {"period": "2026-10"},
            InvoiceRunAccountRequested(
                period="2026-10", account_id="acc-1", requested_by="me", reason="asked"
            ),
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_an_act_is_one_message_and_one_line_of_the_audit_trail_however_often_it_is_sent(
    office: Office, path: str, fields: dict[str, str], expected: Message
) -> None:
    await office.hear(registered(), invoice_issued())
    browser = await staff(office)
    leads_to = await send_twice(
        browser, f"/support/accounts/acc-1/{path}", fields | {"reason": "asked"}
    )
    (message,) = await office.said()
    data = message.model_dump(mode="json") | dict.fromkeys(
        {"requested_by", "granted_by", "recorded_by"} & expected.model_fields_set, "me"
    )
    assert data == expected.model_dump(mode="json")
    assert message.envelope.source == "/support"
    assert message.time == NOON
    (act,) = await office.rows("select * from act")
    assert (act["actor"], act["role"], act["reason"]) == ("nobody@example.com", "support", "asked")
    await browser.open(leads_to)
    assert "Under way" in browser.text
    await browser.open("/support/acts")
    assert "nobody@example.com" in browser.text
    assert "asked" in browser.text


async def test_nobody_changes_the_audit_trail_by_the_schema(office: Office) -> None:
    await office.hear(registered())
    browser = await staff(office)
    form = {"user_type": "postpaid", "reason": "asked"}
    await send_twice(browser, "/support/accounts/acc-1/switch", form)
    for statement in ("update act set reason = 'none'", "delete from act", "truncate act"):
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError)):
            await office.rows(statement)


async def test_a_credit_note_has_an_id_of_its_own_for_each_form(office: Office) -> None:
    await office.hear(registered(), invoice_issued())
    browser = await staff(office)
    form = {"invoice_id": "inv-1", "amount": "10000", "reason": "asked"}
    await send_twice(browser, "/support/accounts/acc-1/credit-note", form)
    await send_twice(browser, "/support/accounts/acc-1/credit-note", form)
    notes = await office.said()
    assert (
        len({one.credit_note_id for one in notes if isinstance(one, InvoiceCreditRequested)}) == 2
    )


async def test_nothing_is_done_without_a_reason_or_with_nonsense(office: Office) -> None:
    await office.hear(registered(), registered("acc-2"), invoice_issued("acc-2", "inv-2"))
    browser = await staff(office)
    wrong = [
        ("switch", {"user_type": "postpaid", "reason": " "}),
        ("switch", {"user_type": "king", "reason": "asked"}),
        ("transfer", {"amount": "1.5", "reference": "", "reason": "asked"}),
        ("transfer", {"amount": "-5", "reference": "FT1", "reason": "asked"}),
        ("transfer", {"amount": "NaN", "reference": "FT1", "reason": "asked"}),
        ("transfer", {"amount": "1e30", "reference": "FT1", "reason": "asked"}),
        ("grant-poc", {"amount": "5", "last_day": "2020-01-01", "reason": "asked"}),
        ("grant-poc", {"amount": "5", "last_day": "soon", "reason": "asked"}),
        ("record-payment", {"invoice_id": "inv-2", "amount": "5", "reference": "r", "reason": "a"}),
        ("credit-note", {"invoice_id": "inv-2", "amount": "5", "reason": "asked"}),
        ("run-again", {"period": "last", "reason": "asked"}),
    ]
    for path, fields in wrong:
        await browser.open(f"/support/accounts/acc-1/{path}")
        if "csrf" not in browser.page:
            await browser.open("/support")
        answer = await browser.send(
            f"/support/accounts/acc-1/{path}", {"key": f"{path}{fields}"} | fields
        )
        assert answer.status_code == 422, (path, fields)
    assert await office.said() == []
    assert await office.rows("select * from act") == []


async def test_the_banks_reference_counts_once_whoever_notes_it_for_whomever(
    office: Office,
) -> None:
    await office.hear(registered(), registered("acc-2"))
    browser, colleague = await staff(office), await office.customer("x", roles=("support",))
    form = {"amount": "500.000", "reference": "FT-1", "reason": "on the statement"}
    await send_twice(browser, "/support/accounts/acc-1/transfer", form)
    (message,) = await office.said()
    assert isinstance(message, TopUpReceived)
    assert (message.amount, message.gateway, message.gateway_reference) == (
        500_000,
        "transfer",
        "FT-1",
    )
    await office.hear(message)
    await colleague.open("/support/accounts/acc-2/transfer")
    answer = await colleague.send("/support/accounts/acc-2/transfer", form)
    assert answer.status_code == 422
    assert "noted already" in answer.text
    assert len(await office.said()) == 1


async def test_an_act_is_followed_until_it_is_concluded(office: Office) -> None:
    await office.hear(registered())
    browser = await staff(office)
    form = {"user_type": "postpaid", "reason": "asked"}
    leads_to = await send_twice(browser, "/support/accounts/acc-1/switch", form)
    (request,) = await office.said()
    await office.hear(request)
    await browser.open(leads_to)
    assert "outcome-open" in browser.page
    await office.hear(
        AccountSwitched(
            account_id="acc-1", from_="prepaid", to="postpaid", requested_by="me", reason="asked"
        ).because(request)
    )
    await browser.open(leads_to)
    assert "outcome-done" in browser.page
    await browser.open("/support/accounts/acc-1")
    assert ">postpaid<" in browser.page
    await browser.open("/support/acts")
    assert "outcome-done" in browser.page


async def test_a_refused_act_says_so(office: Office) -> None:
    await office.hear(registered())
    browser = await staff(office)
    form = {"user_type": "prepaid", "reason": "asked"}
    leads_to = await send_twice(browser, "/support/accounts/acc-1/switch", form)
    (request,) = await office.said()
    await office.hear(
        request,
        AccountSwitchRefused(
            account_id="acc-1", reason="already_so", message="It is prepaid already."
        ).because(request),
    )
    await browser.open(leads_to)
    assert "outcome-refused" in browser.page
    assert "already_so" in browser.text


@pytest.mark.parametrize(
    ("kind", "heard", "outcome"),
    [
        ("transfer", (), "open"),
        ("transfer", ("top_up.received",), "open"),
        ("transfer", (WalletCredited.type,), "done"),
        ("run_again", ("invoice_run.progressed",), "done"),
        ("run_again", ("invoice_run.progressed", "invoice_run.account_quarantined"), "refused"),
        ("register", ("account.registered",), "done"),
        ("place_order", ("order.placed", "order.rejected"), "refused"),
    ],
)
def test_an_act_is_what_became_of_it(kind: str, heard: Sequence[str], outcome: str) -> None:
    assert outcome_of(kind, heard, is_dead=False) == outcome
    assert outcome_of(kind, heard, is_dead=True) == "dead"
    stuck = outcome_of(kind, heard, is_dead=False, is_stuck=True)
    assert stuck == ("dead" if outcome == "open" else outcome)
