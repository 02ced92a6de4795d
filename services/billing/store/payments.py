"""Payments: what was asked for, of whom, and how it ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.billing.domain.payments import Payment, PaymentOutcome, Receipt
from services.billing.domain.refunds import CreditNote, MoneyLeft
from services.billing.store.races import do_first
from shared.database import Connection, Row
from shared.messages.invoicing import InvoicePaid, InvoicePartiallyPaid
from shared.messages.model import WalletKind
from shared.sql import Statements

sql = Statements("services.billing.store", "payments.sql")


async def append_payments(
    db: Connection, payments: Sequence[tuple[Payment, str, datetime]]
) -> None:
    """Note payments, each with its correlation id and its business time, and of whom the money is
    asked: of a gateway, until when; else of the wallet, by a charge of the payment's id."""
    if not payments:
        return
    await db.execute(
        sql.append_payments,
        [payment.payment_id for payment, _, _ in payments],
        [payment.account_id for payment, _, _ in payments],
        [payment.order_id for payment, _, _ in payments],
        [payment.invoice_id for payment, _, _ in payments],
        [payment.method for payment, _, _ in payments],
        [payment.amount for payment, _, _ in payments],
        [payment.currency for payment, _, _ in payments],
        [payment.as_far_as_possible for payment, _, _ in payments],
        [correlation_id for _, correlation_id, _ in payments],
        [at for _, _, at in payments],
        [payment.gateway_amount is None for payment, _, _ in payments],
    )
    await append_gateway_requests(db, [payment for payment, _, _ in payments])


async def append_gateway_requests(db: Connection, payments: Sequence[Payment]) -> None:
    """Note what is expected of a gateway for those of these payments that go through one."""
    asked = [payment for payment in payments if payment.gateway_amount is not None]
    if asked:
        await db.execute(
            sql.append_gateway_requests,
            [payment.account_id for payment in asked],
            [payment.payment_id for payment in asked],
            [payment.gateway_amount for payment in asked],
            [payment.pay_until for payment in asked],
        )


async def append_charges(db: Connection, charges: Sequence[tuple[str, Payment]]) -> None:
    """Note that the wallet is told to take all of payments, as (charge id, payment)."""
    if charges:
        await db.execute(
            sql.append_charges,
            [payment.account_id for _, payment in charges],
            [charge_id for charge_id, _ in charges],
            [payment.payment_id for _, payment in charges],
            [payment.amount for _, payment in charges],
        )


async def find_payment_ids(db: Connection, payment_ids: Collection[str]) -> set[str]:
    """Those of these payments that exist."""
    return {row["payment_id"] for row in await db.fetch(sql.find_payments, list(payment_ids))}


async def lock_payments(db: Connection, payment_ids: Collection[str]) -> dict[str, Payment]:
    """Those of these payments that exist, held."""
    held = await db.fetch(sql.lock_payments, sorted(set(payment_ids)))
    return await _held_payments(db, [row["payment_id"] for row in held])


async def lock_charged_payments(db: Connection, charge_ids: Collection[str]) -> dict[str, Payment]:
    """By charge, the payments that are still open, held. Charges that are not ours have none."""
    if not charge_ids:
        return {}
    held = await db.fetch(sql.lock_charged_payments, list(charge_ids))
    payments = await _held_payments(db, list({row["payment_id"] for row in held}))
    return {
        row["charge_id"]: payment
        for row in held
        if (payment := payments[row["payment_id"]]).outcome is None
    }


async def _held_payments(db: Connection, payment_ids: Sequence[str]) -> dict[str, Payment]:
    rows = await db.fetch(sql.get_payments, payment_ids) if payment_ids else ()
    return {
        row["payment_id"]: Payment(
            payment_id=row["payment_id"],
            account_id=row["account_id"],
            order_id=row["order_id"],
            invoice_id=row["invoice_id"],
            method=row["method"],
            amount=row["amount"],
            currency=row["currency"],
            as_far_as_possible=row["as_far_as_possible"],
            outcome=row["outcome"],
            gateway_amount=row["gateway_amount"],
            pay_until=row["pay_until"],
            gateway_open=bool(row["open"]),
        )
        for row in rows
    }


async def append_outcomes(db: Connection, outcomes: Sequence[PaymentOutcome]) -> None:
    """Note how payments ended; nothing more is expected of a gateway for them."""
    await db.execute(
        sql.append_payment_outcomes,
        [one.payment.account_id for one in outcomes],
        [one.payment.payment_id for one in outcomes],
        [one.payment.amount for one in outcomes],
        ["confirmed" if one.reason is None else "failed" for one in outcomes],
        [one.amount for one in outcomes],
        [one.reason for one in outcomes],
        [one.at for one in outcomes],
    )
    through_gateway = [one.payment for one in outcomes if one.payment.gateway_amount is not None]
    await close_gateway_requests(db, through_gateway)


async def close_gateway_requests(db: Connection, payments: Sequence[Payment]) -> None:
    """Nothing more is expected of a gateway for these payments."""
    if payments:
        await db.execute(
            sql.close_gateway_requests,
            [payment.account_id for payment in payments],
            [payment.payment_id for payment in payments],
        )


async def find_receipts(
    db: Connection, references: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[str, int]]:
    """Money that came before under these (gateway, reference): for which payment, how much."""
    rows = await db.fetch(
        sql.find_receipts,
        [gateway for gateway, _ in references],
        [reference for _, reference in references],
    )
    return {
        (row["gateway"], row["gateway_reference"]): (row["payment_id"], row["amount"])
        for row in rows
    }


async def append_receipts(db: Connection, receipts: Sequence[Receipt]) -> None:
    """Note money that came."""
    if receipts:
        await db.execute(
            sql.append_receipts,
            [one.account_id for one in receipts],
            [one.gateway for one in receipts],
            [one.gateway_reference for one in receipts],
            [one.payment_id for one in receipts],
            [one.amount for one in receipts],
            [one.became for one in receipts],
            [one.top_up_id for one in receipts],
            [one.at for one in receipts],
        )


async def find_topped_up(db: Connection, top_up_ids: Collection[str]) -> dict[str, str]:
    """The payments for which these top-ups were made, by top-up."""
    rows = await db.fetch(sql.find_topped_up, list(top_up_ids))
    return {row["top_up_id"]: row["payment_id"] for row in rows}


async def find_credit_notes(
    db: Connection, credit_note_ids: Collection[str], items: Collection[tuple[str, str, str]]
) -> list[CreditNote]:
    """The credit notes of these ids, and those of these items, given as (account id, order id,
    item id)."""
    rows = await db.fetch(
        sql.find_credit_notes,
        list(credit_note_ids),
        [account_id for account_id, _, _ in items],
        [order_id for _, order_id, _ in items],
        [item_id for _, _, item_id in items],
    )
    return [CreditNote(**row) for row in rows]


async def append_credit_notes(db: Connection, notes: Sequence[CreditNote]) -> None:
    """Keep what credit notes give back.

    Raises:
        asyncpg.SerializationError: if another worker kept one of them just now.
    """
    if notes:
        await do_first(
            db,
            sql.append_credit_notes,
            [one.account_id for one in notes],
            [one.credit_note_id for one in notes],
            [one.order_id for one in notes],
            [one.item_id for one in notes],
            [one.given_back for one in notes],
            [one.correlation_id for one in notes],
            [one.at for one in notes],
        )


async def find_money_left(db: Connection, resources: Collection[tuple[str, str]]) -> MoneyLeft:
    """What is left of the money that went in for resources, given as (account id, resource id): of
    items that can't fail any more, and promised to nobody by an order for a smaller configuration.
    """
    if not resources:
        return {}
    ordered = sorted(set(resources))
    rows = await db.fetch(
        sql.find_money_left,
        [account_id for account_id, _ in ordered],
        [resource_id for _, resource_id in ordered],
    )
    wallets: tuple[WalletKind, ...] = ("credit", "poc")
    return {(row["resource_id"], wallet): row[wallet] for row in rows for wallet in wallets}


async def append_recorded_payments(
    db: Connection, payments: Sequence[InvoicePaid | InvoicePartiallyPaid]
) -> None:
    """Note the payments of invoices among these that were not made here."""
    await db.execute(
        sql.append_recorded_payments,
        [one.payment_id for one in payments],
        [one.account_id for one in payments],
        [one.invoice_id for one in payments],
        [one.amount for one in payments],
        [one.time for one in payments],
    )


async def find_overdue_payments(db: Connection, at: datetime, at_most: int) -> list[str]:
    """Payments whose time at the gateway is over, the longest overdue first."""
    return [row["payment_id"] for row in await db.fetch(sql.find_overdue_requests, at, at_most)]


async def show_payment(db: Connection, payment_id: str) -> Row | None:
    """A payment, for people."""
    return await db.fetchrow(sql.show_payment, payment_id)


async def show_payments(
    db: Connection, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 20
) -> list[Row]:
    """An account's payment history, newest first."""
    at, payment_id = before or (None, None)
    return await db.fetch(sql.show_payments, account_id, at, payment_id, limit)


async def show_refunds(db: Connection, order_id: str) -> list[Row]:
    """What was given back of an order, for people."""
    return await db.fetch(sql.show_refunds, order_id)
