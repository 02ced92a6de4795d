"""The console's dead letters and month runs: told in any order, decided once and with a reason."""

import itertools

import pytest

from shared.messages import Message
from shared.messages.dead_letters import (
    DeadLetterConcluded,
    DeadLetterDiscardRequested,
    DeadLetterRecorded,
    DeadLetterReplayRequested,
)
from shared.messages.invoicing import (
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountResolved,
    InvoiceRunBegan,
    InvoiceRunCompleted,
    InvoiceRunProgressed,
)
from shared.messages.scheduler import TickMonth
from tests.builders import NOON, said
from tests.integration.portal.conftest import Office
from tests.integration.portal.papers import invoice_issued
from tests.integration.portal.test_support import registered, staff


def recorded(number: int = 1, service: str = "billing", **facts: str) -> DeadLetterRecorded:
    return said(_letter(number, service, **facts))


def _letter(number: int = 1, service: str = "billing", **facts: str) -> DeadLetterRecorded:
    return DeadLetterRecorded(
        service=service,
        number=number,
        reason="unknown_account",
        detail="there is no account acc-1",
        letter_type="order.placed",
        letter_source="/portal",
        account_id="acc-1",
        body='{"type": "order.placed"}',
        letter_id=facts.get("letter_id", f"message-{number}"),
    )


def concluded(cause: Message, number: int = 1, conclusion: str = "replayed") -> DeadLetterConcluded:
    return DeadLetterConcluded(
        service="billing",
        number=number,
        conclusion=conclusion,  # type: ignore[arg-type]
        concluded_by="mai",
        reason="mended",
    ).because(cause, key=str(number))


async def test_a_letter_and_its_conclusion_may_be_heard_in_any_order(office: Office) -> None:
    request = said(
        DeadLetterReplayRequested(
            service="billing", numbers=(1,), requested_by="mai", reason="mended"
        )
    )
    messages: list[Message] = [recorded(), concluded(request)]
    for number, order in enumerate(itertools.permutations(messages)):
        for message in order:
            await office.hear(message)
            await office.hear(message)
        rows = await office.rows("select reason, conclusion, concluded_by from reported_letter")
        assert rows == [
            {"reason": "unknown_account", "conclusion": "replayed", "concluded_by": "mai"}
        ], number
        async with office.connections.acquire() as db:
            await db.execute("delete from reported_letter")


async def test_a_letter_is_shown_with_its_reason_and_replayed_once(office: Office) -> None:
    await office.hear(registered(), recorded())
    browser = await staff(office, "operator")
    await browser.open("/support/letters")
    assert "unknown_account" in browser.text
    await browser.open("/support/letters/billing:1")
    assert "there is no account acc-1" in browser.text
    form = {"letter": "billing:1", "decision": "replay", "reason": "account is there now"}
    first = await browser.send("/support/letters/billing:1", form)
    again = await browser.send("/support/letters/billing:1", form)
    assert first.headers["location"] == again.headers["location"]
    (request,) = await office.said()
    assert isinstance(request, DeadLetterReplayRequested)
    assert (request.service, request.numbers) == ("billing", (1,))
    assert request.requested_by == "nobody@example.com"
    (parcel,) = await office.rows("select routing_key from outbox")
    assert parcel["routing_key"] == "dead_letter.replay_requested.billing"
    await browser.open(first.headers["location"])
    assert "outcome-open" in browser.page
    await office.hear(concluded(request))
    await browser.open(first.headers["location"])
    assert "outcome-done" in browser.page
    await browser.open("/support/letters")
    assert "nothing waits" in browser.text
    await browser.open("/support/letters?all=1")
    assert "Replayed" in browser.text
    await browser.open("/support/letters/billing:1")
    assert "mended" in browser.text
    assert 'name="decision"' not in browser.page


async def test_letters_of_several_services_are_decided_together_each_by_its_own(
    office: Office,
) -> None:
    await office.hear(recorded(1), recorded(2), recorded(7, "wallet"))
    browser = await staff(office)
    await browser.open("/support/letters")
    form = {
        "letter": ["billing:2", "wallet:7", "billing:1"],
        "decision": "discard",
        "reason": "of no use",
    }
    await browser.send("/support/letters", form)
    await browser.send("/support/letters", form)
    requests = await office.said()
    assert {
        (one.service, one.numbers)
        for one in requests
        if isinstance(one, DeadLetterDiscardRequested)
    } == {("billing", (1, 2)), ("wallet", (7,))}
    assert len(requests) == 2


@pytest.mark.parametrize(
    "form",
    [
        {"letter": "billing:1", "decision": "replay", "reason": " "},
        {"decision": "replay", "reason": "because"},
        {"letter": "billing:1", "decision": "eat", "reason": "because"},
        {"letter": "billing:x", "decision": "replay", "reason": "because"},
    ],
)
async def test_nothing_is_decided_without_a_reason_or_a_letter(
    office: Office, form: dict[str, str]
) -> None:
    await office.hear(recorded())
    browser = await staff(office)
    await browser.open("/support/letters")
    assert (await browser.send("/support/letters", form)).status_code == 422
    assert await office.said() == []


async def test_customers_neither_see_nor_decide_dead_letters(office: Office) -> None:
    await office.hear(registered(), recorded())
    browser = await office.customer("acc-1")
    await browser.open("/support/letters/billing:1")
    assert browser.status == 404
    await browser.open("/register")
    form = {"letter": "billing:1", "decision": "discard", "reason": "mine"}
    assert (await browser.send("/support/letters", form)).status_code == 404
    assert await office.said() == []
    assert await office.rows("select * from event where account_id = 'acc-1'") != []
    assert (
        await office.rows("select * from event where account_id = 'acc-1' and type like 'dead%'")
        == []
    )


async def test_an_act_whose_message_is_a_dead_letter_is_stuck_and_says_where(
    office: Office,
) -> None:
    await office.hear(registered())
    browser = await staff(office)
    await browser.open("/support/accounts/acc-1/switch")
    answer = await browser.send(
        "/support/accounts/acc-1/switch", {"user_type": "postpaid", "reason": "asked"}
    )
    (request,) = await office.said()
    await office.hear(request, recorded(letter_id=request.envelope.id))
    await browser.open(answer.headers["location"])
    assert "outcome-dead" in browser.page
    assert "/support/letters/billing:1" in browser.page
    await browser.open("/support/accounts/acc-1")
    assert "is stuck" in browser.text


async def test_an_act_is_stuck_where_what_it_led_to_is_a_dead_letter(office: Office) -> None:
    await office.hear(registered(), invoice_issued())
    browser = await staff(office)
    form = {"invoice_id": "inv-1", "amount": "10000", "reason": "asked"}
    await browser.open("/support/accounts/acc-1/credit-note")
    answer = await browser.send("/support/accounts/acc-1/credit-note", form)
    (request,) = await office.said()
    await office.hear(request, _letter().because(request))
    await browser.open(answer.headers["location"])
    assert "outcome-dead" in browser.page
    assert "/support/letters/billing:1" in browser.page
    await browser.open("/support/acts")
    assert "outcome-dead" in browser.page


def run_messages() -> list[Message]:
    tick = said(TickMonth(period="2026-10"))
    return [
        InvoiceRunBegan(period="2026-10", ranges=3).because(tick),
        *(
            InvoiceRunProgressed(
                period="2026-10", ranges=3, range_number=number, invoices=10, quarantined=0
            ).because(tick, key=str(number))
            for number in range(2)
        ),
        InvoiceRunAccountQuarantined(
            period="2026-10", account_id="acc-1", reason="no_price", detail="web-1: vserver gpu"
        ).because(tick),
    ]


async def test_a_run_is_shown_with_its_progress_and_its_quarantine_in_whatever_order_it_is_heard(
    office: Office,
) -> None:
    messages = run_messages()
    await office.hear(registered(), *reversed(messages))
    for message in messages:
        await office.hear(message)
    browser = await staff(office, "operator")
    await browser.open("/support/runs")
    assert "2 of 3 ranges" in browser.text
    await browser.open("/support/runs/2026-10")
    assert "no_price" in browser.text
    assert "Nguyen Van An" in browser.text
    assert 'value="2"' in browser.page
    await browser.open("/support/runs/1999-01")
    assert browser.status == 404
    completed = InvoiceRunCompleted(
        period="2026-10", invoices=30, amount=300_000, quarantined=1, amounts={"VND": 300_000}
    )
    later = said(TickMonth(period="2026-10"), at=office.later(minutes=5))
    resolved = InvoiceRunAccountResolved(period="2026-10", account_id="acc-1").because(later)
    await office.hear(resolved, completed.because(later))
    await office.hear(messages[-1])
    await browser.open("/support/runs/2026-10")
    assert "Nobody was left out" in browser.text
    assert "Completed" in browser.text
    assert "₫300,000" in browser.text


async def test_an_account_that_is_run_again_is_followed_to_its_invoice(office: Office) -> None:
    await office.hear(registered(), *run_messages())
    browser = await staff(office, "operator")
    await browser.open("/support/runs/2026-10")
    await browser.open("/support/accounts/acc-1/run-again?period=2026-10")
    assert 'value="2026-10"' in browser.page
    answer = await browser.send(
        "/support/accounts/acc-1/run-again", {"period": "2026-10", "reason": "price is there"}
    )
    (request,) = await office.said()
    assert request.time == NOON
    await office.hear(
        InvoiceRunProgressed(
            period="2026-10",
            ranges=3,
            range_number=3,
            invoices=1,
            quarantined=0,
            account_id="acc-1",
        ).because(request),
        InvoiceRunAccountResolved(period="2026-10", account_id="acc-1").because(request),
    )
    await browser.open(answer.headers["location"])
    assert "outcome-done" in browser.page
    await browser.open("/support/runs/2026-10")
    assert "2 of 3 ranges" in browser.text
    assert "1 invoices" in browser.text
