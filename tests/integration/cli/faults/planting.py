"""How faults are planted, and what they have in common."""

from dataclasses import dataclass
from typing import Final

from shared.ids import derived_id

REFUND_OF_BAD: Final = derived_id("refund", "ord-bad", "bad")
INVOICE_OF_WEB: Final = derived_id("invoice", "ord-web", "web")
REFUND_OF_TRIED: Final = derived_id("refund", "ord-stop", "stop-tried")
FORGED_TOP_UP: Final = "top-up:" + "0" * 32


@dataclass(frozen=True, slots=True)
class Fault:
    """What is planted, which check is to find it, and under which id."""

    check: str
    id: str
    statements: tuple[str, ...]
    why: str = ""


def entry(kind: str, transfer_id: str, account_id: str, amount: int) -> tuple[str, ...]:
    """One more entry in a credit wallet, in keeping with its balance."""
    debit, credit = ("wallet", "revenue") if kind == "charge" else ("revenue", "wallet")
    signed = -amount if kind == "charge" else amount
    return (
        f"""insert into wallet.transfer (kind, transfer_id, account_id, wallet, position,
                debit_side, credit_side, amount, currency, balance_before, balance_after, reason,
                at)
            select '{kind}', '{transfer_id}', account_id, wallet, transfers + 1, '{debit}',
                   '{credit}', {amount}, currency, balance, balance + {signed}, 'planted', now()
            from wallet.wallet where account_id = '{account_id}' and wallet = 'credit'""",
        f"""update wallet.wallet set balance = balance + {signed}, transfers = transfers + 1
            where account_id = '{account_id}' and wallet = 'credit'""",
    )


def without_last_entry(account_id: str) -> tuple[str, ...]:
    """A credit wallet as it was before its last entry."""
    return (
        f"""with gone as (
                delete from wallet.transfer t using wallet.wallet w
                where (t.account_id, t.wallet) = (w.account_id, w.wallet)
                  and t.position = w.transfers and w.account_id = '{account_id}'
                returning t.account_id, t.wallet, t.balance_before
            )
            update wallet.wallet w set balance = g.balance_before, transfers = w.transfers - 1
            from gone g where (w.account_id, w.wallet) = (g.account_id, g.wallet)""",
    )


def without_invoice(order_id: str) -> tuple[str, ...]:
    """No invoice of an order, and no gap where it was: the last one takes its number."""
    of_it = f"(select invoice_id from invoicing.invoice where order_id = '{order_id}')"
    return (
        f"delete from invoicing.invoice_line where invoice_id in {of_it}",
        f"delete from invoicing.invoice_state where invoice_id in {of_it}",
        f"""create temporary table gone on commit drop as
            select series, number from invoicing.invoice where order_id = '{order_id}'""",
        f"delete from invoicing.invoice where order_id = '{order_id}'",
        """update invoicing.invoice i set number = g.number
           from gone g join invoicing.invoice_series s using (series)
           where i.series = g.series and i.number = s.next_number - 1""",
        """update invoicing.invoice_series s set next_number = next_number - 1
           from gone g where s.series = g.series""",
        # that number was of November's run, which has said what it came to
        "delete from invoicing.run_report_total where period = '2026-11'",
        "delete from invoicing.run_report where period = '2026-11'",
    )


def another_invoice(
    invoice_id: str, resource_id: str, *, kind: str, order_id: str | None = None
) -> tuple[str, ...]:
    """One more invoice over nothing, in its series and with all that an invoice has."""
    of = f"'{order_id}'" if order_id else "null"
    period, due = ("'2026-10'", "now()") if kind == "usage" else ("null", "null::timestamptz")
    return (
        f"""insert into invoicing.invoice (invoice_id, series, number, account_id, resource_id,
                kind, order_id, item_id, period, period_from, period_to, currency, net, vat, gross,
                issued_at, due_at)
            select '{invoice_id}', series, next_number, account_id, resource_id, '{kind}', {of},
                   {of}, {period}, now(), now(), 'VND', 0, 0, 0, now(), {due}
            from invoicing.invoice_series, invoicing.resource
            where resource_id = '{resource_id}'""",
        "update invoicing.invoice_series set next_number = next_number + 1",
        f"""insert into invoicing.invoice_state (invoice_id, account_id, gross, paid, issued_at)
            select invoice_id, account_id, 0, 0, issued_at
            from invoicing.invoice where invoice_id = '{invoice_id}'""",
    )


def credit_note_of(resource_id: str, amount: int) -> tuple[str, ...]:
    """A credit note of the prepaid invoice of a resource, as invoicing has it."""
    return (
        f"""insert into invoicing.credit_note (credit_note_id, invoice_id, position, account_id,
                amount, net, vat, given_back, refund_id, credited_before, credited_after, reason,
                requested_by, at)
            select 'planted', invoice_id, 1, account_id, {amount}, {amount}, 0, {amount},
                   'credited-planted', 0, {amount}, 'planted', 'nobody', now()
            from invoicing.invoice where resource_id = '{resource_id}' and kind = 'prepaid'""",
        f"""update invoicing.invoice_state s set credited = {amount}
            from invoicing.invoice i
            where i.invoice_id = s.invoice_id and i.resource_id = '{resource_id}'
              and i.kind = 'prepaid'""",
    )


def reserved(item_id: str, order_id: str, amount: int) -> str:
    """Billing keeps what that credit note gives back."""
    return f"""insert into billing.credit_note (account_id, credit_note_id, order_id, item_id,
                   given_back, correlation_id, at)
               values ('an', 'planted', '{order_id}', '{item_id}', {amount}, 'asked', now())"""


def payment_of_invoice(payment_id: str, *, paid: int | None) -> tuple[str, ...]:
    """Billing took a gateway's money for the invoice of `shop` in October, or waits for it."""
    asked = f"""insert into billing.payment (payment_id, account_id, invoice_id, method, amount,
                    currency, correlation_id, requested_at)
                select '{payment_id}', account_id, invoice_id, 'gateway', {paid or 500}, 'VND',
                       'planted', now()
                from invoicing.invoice where resource_id = 'shop' and period = '2026-10'"""
    if paid is None:
        return (asked,)
    return (
        asked,
        f"""insert into billing.payment_outcome (account_id, payment_id, asked, outcome, amount, at)
            values ('chi', '{payment_id}', {paid}, 'confirmed', {paid}, now())""",
        f"""insert into billing.gateway_receipt (account_id, gateway, gateway_reference, payment_id,
                amount, became, at)
            values ('chi', 'bank', '{payment_id}', '{payment_id}', {paid}, 'payment', now())""",
    )
