"""An account that has one of everything, for who looks at pages: `build` has the portal hear it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from services.portal.store import sessions, webhooks
from services.portal.store.webhooks import Errand, Tried
from shared.database import transaction
from shared.messages import Message
from shared.messages.billing import AccountSwitched
from shared.messages.gateways import PaymentLinkReady
from shared.messages.invoicing import InvoiceIssued, InvoicePaid
from shared.messages.provisioning import ResourceProvisioned, ResourceSuspended
from shared.messages.upstream import AccountSwitchRequested, TopUpRequested
from shared.messages.wallet import WalletCredited, WalletDebited, WalletHeld
from tests.builders import NOON, component, said
from tests.integration.portal import story
from tests.integration.portal.browser import Browser
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT, DAY, LINE
from tests.integration.portal.test_support_operations import recorded, run_messages

_TODAY: Final = NOON + 8 * DAY
HASTY: Final = "hasty"


@dataclass(frozen=True, slots=True)
class Places:
    """Paths of what has an id of its own."""

    endpoint: str
    delivery: str
    acts: dict[str, str]
    """Of Support."""
    own_acts: dict[str, str]
    """Of the customer."""


async def build(office: Office) -> Places:
    """Have the portal hear an account's life, and do for it what Support does."""
    office.now = _TODAY
    for number in range(2, 5):
        await office.hear(story.registered(f"acc-{number}", ("Binh", "Chi", "Dung")[number - 2]))
    mine = await office.customer(ACCOUNT)
    await mine.open(f"/accounts/{ACCOUNT}/programs")
    await mine.fill_in(f"/accounts/{ACCOUNT}/programs/keys", {"name": "reports", "scope": "read"})
    form = {"url": "https://hooks.example.com/cloudtill", "description": "book-keeping"}
    await mine.fill_in(f"/accounts/{ACCOUNT}/programs/webhooks", form)
    await office.hear(*story.whole_life(), *months(), *trial(), *_in_trash(), *_late())
    await office.hear(recorded(1), recorded(2), recorded(7, "wallet"), *run_messages())
    own = await _own_acts(office, mine)
    await _hasten(office)
    return Places(*await _tried(office), await _acted(office), own)


async def _own_acts(office: Office, mine: Browser) -> dict[str, str]:
    """What the customer did: a payment that waits at a gateway, details that are changed."""
    root = f"/accounts/{ACCOUNT}"
    paths: dict[str, str] = {}
    for name, page, path, form in (
        ("top-up", "/wallet", "/wallet/top-up", {"amount": "300.000"}),
        ("details", "/details", "/details", {"address": "12 Lê Lợi", "tax_code": "0312345678"}),
    ):
        await mine.open(root + page)
        await mine.fill_in(root + path, form)
        paths[f"act-{name}"] = mine.path
    for message in await office.said():
        await office.hear(message)
        if isinstance(message, TopUpRequested):
            link = PaymentLinkReady(
                payment_id=message.top_up_id,
                account_id=ACCOUNT,
                gateway="zalopay",
                url="https://pay.example.com/2",
                pay_until=_TODAY + DAY,
            )
            await office.hear(link.because(message))
    return paths


async def _hasten(office: Office) -> None:
    """Somebody who did all that may be done in a minute."""
    async with transaction(office.connections) as db:
        for _ in range(office.settings.acts_a_minute):
            await sessions.count(db, f"act {HASTY}@example.com", office.now)


def months() -> Iterator[Message]:
    """Half a year of use of a data base, invoiced and paid."""
    yield _resource(ResourceProvisioned, "db-1", "Billing data base", 1, ends_at=NOON + 90 * DAY)
    for back in range(1, 7):
        begin = NOON - 30 * (back + 1) * DAY
        gross = 400_000 + 70_000 * (back % 3)
        issued = _invoice(f"use-{back}", "db-1", "Billing data base", gross, begin)
        yield said(issued, at=begin + 31 * DAY, id=f"use {back}")
        yield said(
            InvoicePaid(
                invoice_id=issued.invoice_id,
                account_id=ACCOUNT,
                payment_id=f"payment-use-{back}",
                amount=gross,
                outstanding=0,
            ),
            at=begin + 40 * DAY,
            id=f"use paid {back}",
        )


def _late() -> Iterator[Message]:
    """An invoice that nobody paid, and credit held for what is used now (domain 8)."""
    begin = NOON - 60 * DAY
    late = _invoice("late", "db-1", "Billing data base", 1_240_000, begin)
    yield said(late, at=begin + 31 * DAY, id="late")
    held = WalletHeld(
        account_id=ACCOUNT,
        wallet="credit",
        amount=150_000,
        balance=410_000,
        held=150_000,
        available=260_000,
        reason="use",
        reference="hold-db-1",
        position=4,
    )
    yield said(held, at=_TODAY, id="held")


def _invoice(name: str, resource_id: str, what: str, gross: int, begin: Any) -> InvoiceIssued:
    vat = gross // 11
    line = LINE.model_copy(update={"description": what, "amount": gross, "vat": vat})
    return InvoiceIssued(
        invoice_id=f"invoice-{name}",
        number=f"2026A-{name}",
        account_id=ACCOUNT,
        resource_id=resource_id,
        kind="usage",
        status="unpaid",
        period_from=begin,
        period_to=begin + 30 * DAY,
        lines=(line,),
        discount=0,
        net=gross - vat,
        vat=vat,
        gross=gross,
        currency="VND",
        due_at=begin + 46 * DAY,
    )


def _resource(kind: type[Any], resource_id: str, name: str, version: int, **more: Any) -> Message:
    event: Message = kind(
        resource_id=resource_id,
        account_id=ACCOUNT,
        user_type="prepaid",
        product="vserver",
        name=name,
        components=(component("image"),),
        at=NOON,
        starts_at=NOON,
        version=version,
        **({"ends_at": NOON + 12 * DAY, "state": "active"} | more),
    )
    return said(event, id=f"{resource_id} {version}")


def trial() -> Iterator[Message]:
    """What the proof of concept paid for (domain 9)."""
    yield _resource(ResourceProvisioned, "vm-trial", "trial of a cluster", 1, poc="running")
    for position, (kind, amount, balance) in enumerate(
        ((WalletCredited, 1_000_000, 1_000_000), (WalletDebited, 360_000, 640_000)), start=1
    ):
        moved: Message = kind(
            account_id=ACCOUNT,
            wallet="poc",
            amount=amount,
            balance=balance,
            held=0,
            available=balance,
            reason="poc_granted" if position == 1 else "order",
            reference=f"poc-{position}",
            position=position,
        )
        yield said(moved, at=NOON + timedelta(hours=position), id=f"poc {position}")


def _in_trash() -> Iterator[Message]:
    """A server whose term is over."""
    yield _resource(ResourceProvisioned, "vm-old", "old", 1, ends_at=NOON + 2 * DAY)
    over = {"state": "suspended", "ends_at": NOON + 2 * DAY}
    yield _resource(ResourceSuspended, "vm-old", "old", 2, **over)


async def _tried(office: Office) -> tuple[str, str]:
    """A webhook that its receiver refused and another that it took; their paths."""
    rows = await office.rows(
        "select d.*, e.url from webhook_delivery d"
        " join webhook_endpoint e using (account_id, endpoint_id)"
        " order by d.created_at, d.event_id limit 2"
    )
    for row, status in zip(rows, (503, 200), strict=True):
        errand = Errand(ACCOUNT, row["endpoint_id"], row["event_id"], row["body"], row["url"], ())
        async with transaction(office.connections) as db:
            await webhooks.append_attempt(db, errand, 1, Tried(38, status, answer="as I please"))
            if status == 200:
                await webhooks.save_delivered(db, errand)
            else:
                await webhooks.save_undelivered(db, errand, 5)
    endpoint = f"/accounts/{ACCOUNT}/programs/webhooks/{rows[0]['endpoint_id']}"
    return endpoint, f"{endpoint}/{rows[0]['event_id']}"


async def _acted(office: Office) -> dict[str, str]:
    """Acts of Support: one that is concluded, one under way, one that is stuck; their paths."""
    desk = await office.customer(roles=("support", "operator"))
    root = f"/support/accounts/{ACCOUNT}"
    paths: dict[str, str] = {}
    for name, path, form in (
        ("done", "/support/accounts/acc-2/switch", {"user_type": "postpaid"}),
        ("stuck", f"{root}/grant-poc", {"amount": "500.000", "last_day": "2026-12-31"}),
        ("under-way", f"{root}/transfer", {"amount": "2,000,000", "reference": "FT-0091"}),
    ):
        await desk.open(path)
        await desk.fill_in(path, form | {"reason": "contract 2026-117"})
        paths[f"acted-{name}"] = desk.path
    for message in await office.said():
        if isinstance(message, AccountSwitchRequested):
            switched = AccountSwitched.model_validate(
                {
                    "account_id": message.account_id,
                    "from": "prepaid",
                    "to": "postpaid",
                    "requested_by": message.requested_by,
                    "reason": message.reason,
                }
            )
            await office.hear(message, switched.because(message))
    stuck = paths["acted-stuck"].rpartition("/")[2]
    await office.hear(recorded(9, "wallet", letter_id=stuck))
    (first, *_) = await office.rows(
        "select position from event where account_id = $1 order by position", ACCOUNT
    )
    paths["message"] = f"{root}/messages/{first['position']}"
    return paths
