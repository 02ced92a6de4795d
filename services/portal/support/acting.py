"""What Sales and Support do for an account: forms with a reason, which become messages."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.customer.details import details_in
from services.portal.domain.payments import TRANSFER, recorded_id
from services.portal.store import accounts, finding
from services.portal.support.desk import STAFF, about_account, act, acted_before, why
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit
from shared.ids import derived_id
from shared.messages import Message
from shared.messages.invoicing import InvoiceRunAccountRequested
from shared.messages.upstream import (
    AccountChanged,
    AccountSwitchRequested,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    PocGranted,
    TopUpReceived,
)
from shared.money import currency


class Wrong(Exception):
    """What is wrong with a form: `field`, and a stable `code` of why."""

    def __init__(self, field_: str, code: str, **facts: object) -> None:
        super().__init__(code)
        self.field = field_
        self.code = code
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Form:
    """A form about an account: what it says, who may send it, and what it needs to be shown."""

    kind: str
    message: Callable[[Visit], Awaitable[Message]]
    roles: tuple[str, ...] = ("support",)
    shown: Callable[[Visit], Awaitable[Mapping[str, Any]]] | None = None


async def _switch(visit: Visit) -> Message:
    return AccountSwitchRequested(
        account_id=visit.mine.account_id,
        user_type=visit.text("user_type"),  # type: ignore[arg-type]  # it is checked
        requested_by=visit.login.subject,
        reason=why(visit),
    )


async def _transfer(visit: Visit) -> Message:
    """A transfer is known by the bank's reference: noted again, for whomever, it is the same."""
    reference = visit.text("reference")
    top_up_id = derived_id("transfer", reference)
    async with visit.reading() as db:
        before = await finding.find_recorded_transfer(db, top_up_id)
    if before is not None:
        raise Wrong("reference", "known", account=before["account_id"])
    return TopUpReceived(
        top_up_id=top_up_id,
        account_id=visit.mine.account_id,
        amount=_amount(visit),
        gateway=TRANSFER,
        gateway_reference=reference,
    )


async def _grant_poc(visit: Visit) -> Message:
    """A grant lasts until the end of its last day, by clocks in the account's time zone."""
    try:
        last = datetime.fromisoformat(visit.text("last_day")).date()
    except ValueError:
        raise Wrong("last_day", "day") from None
    ends_at = datetime.combine(last, time(23, 59), visit.language.zone).astimezone(UTC)
    if ends_at <= visit.at:
        raise Wrong("last_day", "past")
    return PocGranted(
        account_id=visit.mine.account_id,
        amount=_amount(visit),
        ends_at=ends_at,
        granted_by=visit.login.subject,
    )


async def _record_payment(visit: Visit) -> Message:
    account_id, invoice_id = visit.mine.account_id, visit.text("invoice_id")
    reference = visit.text("reference")
    async with visit.reading() as db:
        await _check_invoice(visit)
        payment_id = recorded_id(invoice_id, reference)
        if await finding.find_recorded_payment(db, account_id, payment_id):
            raise Wrong("reference", "known", account=account_id)
    return InvoicePaymentRecorded(
        invoice_id=invoice_id,
        account_id=account_id,
        amount=_amount(visit),
        reference=reference,
        recorded_by=visit.login.subject,
        note=why(visit),
    )


async def _credit_note(visit: Visit) -> Message:
    await _check_invoice(visit)
    return InvoiceCreditRequested(
        credit_note_id=derived_id("credit-note", visit.login.subject, visit.text("key")),
        invoice_id=visit.text("invoice_id"),
        account_id=visit.mine.account_id,
        amount=_amount(visit),
        reason=why(visit),
        requested_by=visit.login.subject,
    )


async def _run_again(visit: Visit) -> Message:
    return InvoiceRunAccountRequested(
        period=visit.text("period"),
        account_id=visit.mine.account_id,
        requested_by=visit.login.subject,
        reason=why(visit),
    )


async def _check_invoice(visit: Visit) -> None:
    """Another account's invoice is none here."""
    async with visit.reading() as db:
        found = await finding.find_invoice(db, visit.mine.account_id, visit.text("invoice_id"))
    if found is None:
        raise Wrong("invoice_id", "unknown")


def _amount(visit: Visit) -> int:
    """Smallest units of what was typed: `500,000` or `500.000` dong, `12.50` dollars."""
    of = currency(visit.mine.currency)
    plain = visit.text("amount").replace(" ", "").replace(",", "")
    if of.digits == 0:
        plain = plain.replace(".", "")
    try:
        units = Decimal(plain).scaleb(of.digits)
    except InvalidOperation:
        raise Wrong("amount", "amount") from None
    if not units.is_finite() or units <= 0 or units != units.to_integral_value():
        raise Wrong("amount", "amount")
    return int(units)


async def _details(visit: Visit) -> Message:
    return AccountChanged(
        account_id=visit.mine.account_id,
        billing_details=details_in(visit),
        changed_by=visit.login.subject[:200],
        reason=why(visit),
    )


async def _with_details(visit: Visit) -> Mapping[str, Any]:
    async with visit.reading() as db:
        return {"details": await accounts.find_billing_details(db, visit.mine.account_id, visit.at)}


async def _with_open_invoices(visit: Visit) -> Mapping[str, Any]:
    async with visit.reading() as db:
        return {"invoices": await finding.find_open_invoices(db, visit.mine.account_id)}


async def _with_invoices(visit: Visit) -> Mapping[str, Any]:
    async with visit.reading() as db:
        return {"invoices": await finding.find_latest_invoices(db, visit.mine.account_id, 500)}


FORMS: Final = (
    Form("switch", _switch),
    Form("transfer", _transfer),
    Form("grant_poc", _grant_poc),
    Form("record_payment", _record_payment, shown=_with_open_invoices),
    Form("credit_note", _credit_note, shown=_with_invoices),
    Form("details", _details, shown=_with_details),
    Form("run_again", _run_again, roles=STAFF),
)


def _page(form: Form) -> Callable[[Visit], Awaitable[Response]]:
    async def page(visit: Visit) -> Response:
        """The form, and what becomes of it."""
        if visit.request.method == "GET":
            return await _shown(visit, form, None)
        if before := await acted_before(visit):
            return RedirectResponse(f"/support/acts/{before}", 303)
        try:
            if not why(visit):
                raise Wrong("reason", "reason")
            message = await form.message(visit)
        except Wrong as wrong:
            return await _shown(visit, form, wrong)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            return await _shown(visit, form, Wrong(_FIELDS.get(name, name), "invalid"))
        act_id = await act(visit, form.kind, message, account_id=visit.mine.account_id)
        return RedirectResponse(f"/support/acts/{act_id}", 303)

    return page


_FIELDS: Final = {
    "gateway_reference": "reference",
    "top_up_id": "reference",
    "note": "reason",
    "ends_at": "last_day",
}
"""Fields of messages by the field of the form that fills them."""


async def _shown(visit: Visit, form: Form, wrong: Wrong | None) -> Response:
    values = {
        "form": form,
        "key": visit.text("key") or form_key(),
        "wrong": wrong,
        "period": visit.text("period") or visit.asked("period"),
        **(await form.shown(visit) if form.shown else {}),
    }
    return render(visit, "support/form.html", values, status=422 if wrong else 200)


def allowed(visit: Visit) -> list[Form]:
    """The forms that somebody may send; running a month again has its place beside the run."""
    return [form for form in FORMS if set(form.roles) & set(visit.login.roles)]


ROUTES = [
    Route(
        f"/support/accounts/{{account_id}}/{form.kind.replace('_', '-')}",
        about_account(_page(form), *form.roles),
        methods=["GET", "POST"],
    )
    for form in FORMS
]
