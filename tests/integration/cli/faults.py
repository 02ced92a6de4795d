"""One fault for each check of the audit, planted as nobody could through the program: raw, past
triggers and constraints."""

from dataclasses import dataclass
from typing import Final

from shared.ids import derived_id

_REFUND_OF_BAD: Final = derived_id("refund", "ord-bad", "bad")
_INVOICE_OF_WEB: Final = derived_id("invoice", "ord-web", "web")
_REFUND_OF_TRIED: Final = derived_id("refund", "ord-stop", "stop-tried")
_FORGED_TOP_UP: Final = "top-up:" + "0" * 32


@dataclass(frozen=True, slots=True)
class Fault:
    """What is planted, which check is to find it, and under which id."""

    check: str
    id: str
    statements: tuple[str, ...]
    why: str = ""


def _entry(kind: str, transfer_id: str, account_id: str, amount: int) -> tuple[str, ...]:
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


def _without_last_entry(account_id: str) -> tuple[str, ...]:
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


def _without_invoice(order_id: str) -> tuple[str, ...]:
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


def _another_invoice(
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


def _payment_of_invoice(payment_id: str, *, paid: int | None) -> tuple[str, ...]:
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


_MONEY: Final = (
    Fault(
        "wallet_balances",
        "an/credit",
        ("update wallet.wallet set balance = balance + 1 where account_id = 'an'",),
    ),
    Fault(
        "ledger_continues",
        f"refund/{_REFUND_OF_BAD}",
        (
            f"""update wallet.transfer
                set balance_before = balance_before + 1, balance_after = balance_after + 1
                where transfer_id = '{_REFUND_OF_BAD}'""",
        ),
    ),
    Fault(
        "wallet_available",
        "gate/credit",
        (
            "alter table wallet.wallet drop constraint wallet_check",
            "update wallet.wallet set held = balance + 1 where account_id = 'gate'",
            """insert into wallet.hold (hold_id, account_id, wallet, amount, change_id, changed_at)
               select 'planted', account_id, wallet, held, 'planted', now()
               from wallet.wallet where account_id = 'gate'""",
            """insert into billing.order_hold (account_id, resource_id, order_id, item_id, amount,
                   change_id, outcome, asked_at, answered_at)
               select account_id, 'planted', 'ord-gate', 'planted', held, 'planted', 'held', now(),
                      now()
               from wallet.wallet where account_id = 'gate'""",
        ),
    ),
    Fault(
        "wallet_holds",
        "an/credit",
        ("update wallet.wallet set held = held + 1 where account_id = 'an'",),
    ),
    Fault(
        "holds_are_asked_for",
        "nodes",
        (
            "update wallet.hold set amount = amount - 1 where hold_id = 'nodes'",
            "update wallet.wallet set held = held - 1 where account_id = 'kim'",
        ),
        "less than was asked for",
    ),
    Fault(
        "holds_are_asked_for",
        "planted",
        (
            "update wallet.wallet set held = held + 5 where account_id = 'kim'",
            """insert into wallet.hold (hold_id, account_id, amount, change_id, changed_at)
               values ('planted', 'kim', 5, 'planted', now())""",
        ),
        "for nobody",
    ),
    Fault(
        "holds_are_asked_for",
        "nodes",
        ("update invoicing.credit_hold set answer = null where resource_id = 'nodes'",),
        "a change that the wallet never answered",
    ),
    Fault(
        "holds_have_their_use",
        "nodes",
        (
            "delete from invoicing.credit_hold where resource_id = 'nodes'",
            """update billing.order_hold o set amount = h.amount
               from wallet.hold h where h.hold_id = o.resource_id and o.resource_id = 'nodes'""",
        ),
        "lost",
    ),
    Fault(
        "holds_have_their_use",
        "extra",
        (
            """insert into invoicing.credit_hold (account_id, resource_id, number, asked, asked_at,
                   answer, held, short_since)
               values ('chi', 'extra', 1, 10, now(), 'declined', 0, now())""",
        ),
        "for what is gone",
    ),
    Fault("charges_were_asked_for", "stolen", _entry("charge", "stolen", "bad", 1_000)),
    Fault(
        "payments_were_charged",
        "payment-ord-bad",
        (
            "insert into billing.charge values ('again', 'payment-ord-bad', 280000, 'bad')",
            *_entry("charge", "again", "bad", 280_000),
        ),
        "charged twice",
    ),
    Fault(
        "payments_were_charged",
        "payment-ord-poor",
        (
            """update billing.payment_outcome
               set outcome = 'confirmed', amount = asked, reason = null
               where payment_id = 'payment-ord-poor'""",
            """insert into billing.item_outcome (account_id, order_id, item_id, outcome, reason, at)
               values ('poor', 'ord-poor', 'none', 'failed', 'planted', now())""",
            """insert into billing.refund (refund_id, account_id, order_id, item_id, item_amount,
                   outcome, payment_id, wallet, amount, reason, at)
               values ('planted', 'poor', 'ord-poor', 'none', 180000, 'failed', 'payment-ord-poor',
                       'credit', 180000, 'provisioning_failed', now())""",
            *_entry("refund", "planted", "poor", 180_000),
        ),
        "confirmed, and given back, without having been charged",
    ),
    Fault(
        "gateway_payments_came",
        "payment-ord-gate",
        ("delete from billing.gateway_receipt where gateway_reference = 'g-1'",),
    ),
    Fault("gateway_money_arrived", "bank/g-2", _without_last_entry("gate")),
    Fault("top_ups_were_told", _FORGED_TOP_UP, _entry("top_up", _FORGED_TOP_UP, "poor", 1_000)),
    Fault("refunds_arrived", _REFUND_OF_BAD, _without_last_entry("bad")),
    Fault(
        "invoice_refunds_arrived",
        "overpaid-planted",
        (
            *_payment_of_invoice("planted", paid=700),
            """insert into invoicing.invoice_payment (payment_id, invoice_id, account_id, method,
                   amount, overpaid, paid_before, paid_after, at)
               select 'planted', invoice_id, account_id, 'gateway', 0, 700, 0, 0, now()
               from invoicing.invoice where resource_id = 'shop' and period = '2026-10'""",
        ),
        "paid too much",
    ),
    Fault("refunds_were_told", "gift", _entry("refund", "gift", "poor", 1_000)),
    Fault(
        "refunds_within_payments",
        "good",
        (
            "update billing.refund set amount = amount + 110000 where order_id = 'ord-del'",
            """update wallet.transfer
               set amount = amount + 110000, balance_after = balance_after + 110000
               where reason = 'deleted'""",
            "update wallet.wallet set balance = balance + 110000 where account_id = 'an'",
        ),
    ),
    Fault(
        "invoices_add_up",
        _INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_line set amount = amount + 1
                where invoice_id = '{_INVOICE_OF_WEB}' and position = 1""",
        ),
    ),
    Fault(
        "invoices_paid_once",
        _INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_state
                set paid = paid - 1, gross = gross - 1
                where invoice_id = '{_INVOICE_OF_WEB}'""",
        ),
    ),
    Fault(
        "credits_add_up",
        _INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_state set credited = 1
                where invoice_id = '{_INVOICE_OF_WEB}'""",
        ),
    ),
    Fault(
        "invoice_refunds_arrived",
        "credited-planted",
        (
            f"""insert into invoicing.credit_note (credit_note_id, invoice_id, position, account_id,
                    amount, net, vat, given_back, refund_id, credited_before, credited_after,
                    reason, requested_by, at)
                values ('planted', '{_INVOICE_OF_WEB}', 1, 'an', 10, 10, 0, 10, 'credited-planted',
                        0, 10, 'planted', 'nobody', now())""",
            f"""update invoicing.invoice_state set credited = 10
                where invoice_id = '{_INVOICE_OF_WEB}'""",
        ),
        "credited",
    ),
    Fault(
        "invoice_collections",
        _INVOICE_OF_WEB,
        (
            "alter table invoicing.invoice_state drop constraint invoice_state_check",
            f"""update invoicing.invoice_state set reserved = 10
                where invoice_id = '{_INVOICE_OF_WEB}'""",
        ),
    ),
    Fault("invoice_payments_agree", "lost", _payment_of_invoice("lost", paid=700)),
    Fault(
        "gateway_answers_arrived",
        "zalopay/taken",
        (
            """insert into gateways.payment (payment_id, account_id, amount, currency, method,
                   gateway, requested_at, pay_until, cause_source, cause_id)
               values ('payment-lost', 'an', 500, 'VND', 'gateway', 'zalopay', now(),
                   now() + interval '1 day', 'planted', 'planted')""",
            """insert into gateways.gateway_order (gateway, order_id, payment_id, attempt)
               values ('zalopay', 'planted', 'payment-lost', 1)""",
            """insert into gateways.gateway_answer (gateway, gateway_reference, outcome, order_id,
                   amount, at)
               values ('zalopay', 'taken', 'succeeded', 'planted', 500, now())""",
        ),
    ),
    Fault(
        "gateway_top_ups_arrived",
        "an/zalopay",
        (
            """insert into gateways.payment (payment_id, account_id, amount, currency, method,
                   gateway, requested_at, pay_until, cause_source, cause_id)
               values ('top-up-lost', 'an', 700, 'VND', 'top_up', 'zalopay', now(),
                   now() + interval '1 day', 'planted', 'planted')""",
            """insert into gateways.gateway_order (gateway, order_id, payment_id, attempt)
               values ('zalopay', 'planted-top-up', 'top-up-lost', 1)""",
            """insert into gateways.gateway_answer (gateway, gateway_reference, outcome, order_id,
                   amount, at)
               values ('zalopay', 'topped', 'succeeded', 'planted-top-up', 700, now())""",
        ),
    ),
)

_ORDERS: Final = (
    Fault(
        "payments_cover_orders",
        "payment-ord-web",
        (
            "update billing.payment set amount = amount + 1 where payment_id = 'payment-ord-web'",
            """update billing.payment_outcome set asked = asked + 1
               where payment_id = 'payment-ord-web'""",
        ),
    ),
    Fault(
        "paid_items_concluded",
        "ord-web/web",
        (
            "delete from billing.item_outcome where order_id = 'ord-web'",
            *_without_invoice("ord-web"),
        ),
    ),
    Fault("done_items_invoiced", "ord-web/web", _without_invoice("ord-web")),
    Fault(
        "failed_items_refunded",
        "ord-bad/bad",
        ("delete from billing.refund where order_id = 'ord-bad'", *_without_last_entry("bad")),
    ),
    Fault(
        "invoices_were_paid_for",
        "ghost",
        _another_invoice("ghost", "web", kind="prepaid", order_id="ord-ghost"),
    ),
    Fault(
        "orders_move_on",
        "ord-web",
        ("update billing.purchase_order set state = 'provisioning' where order_id = 'ord-web'",),
    ),
    Fault("payments_move_on", "idle", _payment_of_invoice("idle", paid=None)),
    Fault("coupons_are_counted", "SAVE", ("update billing.coupon set uses = uses + 1",)),
    Fault(
        "resources_agree",
        "web",
        ("update billing.resource set state = 'stopped' where resource_id = 'web'",),
    ),
)

_INVOICES: Final = (
    Fault(
        "resources_are_followed",
        "good",
        ("update invoicing.resource set version = 1 where resource_id = 'good'",),
    ),
    Fault(
        "use_is_recorded",
        "web",
        (
            """insert into invoicing.usage_segment (account_id, resource_id, version, product, skus,
                   quantities, discount_rate, started_at)
               values ('an', 'web', 9, 'vserver', '{image}', '{1}', 0, '2027-01-01T00:00Z')""",
        ),
    ),
    Fault(
        "use_is_invoiced_once",
        "shop/image",
        (
            """update invoicing.usage_segment set started_at = started_at - interval '1 hour'
               where resource_id = 'shop'""",
        ),
    ),
    Fault(
        "corrections_are_invoiced",
        "extra/disk",
        ("update invoicing.invoice_line set minutes = minutes - 1 where month is not null",),
    ),
    Fault(
        "one_invoice_a_month",
        "shop/2026-10",
        (
            "drop index invoicing.invoice_of_month",
            *_another_invoice("again", "shop", kind="usage"),
        ),
    ),
    Fault(
        "invoice_numbers",
        "2026A",
        ("update invoicing.invoice_series set next_number = next_number + 1",),
    ),
    Fault(
        "close_reports",
        "2026-10",
        ("update invoicing.run_report set checksum = checksum + 1 where period = '2026-10'",),
        why="by their checksum",
    ),
    Fault(
        "close_reports",
        "2026-10/VND",
        (
            """update invoicing.run_report_total set net = net + 1, gross = gross + 1
               where period = '2026-10'""",
        ),
        why="by their totals",
    ),
)

_REPORTED: Final = (
    "insert into invoicing.usage_month (month) values ('2026-10')",
    """create table invoicing.usage_report_202610 partition of invoicing.usage_report
       for values in ('2026-10')""",
    """insert into invoicing.usage_report (month, account_id, resource_id, report_id, meter,
           quantity, used_from, used_to, period, reported_at)
       values ('2026-10', 'chi', 'shop', 'r-1', 'traffic', 2.5, '2026-10-05T00:00Z',
               '2026-10-05T01:00Z', '2026-10', '2026-10-05T01:00Z')""",
)
_USAGE: Final = (
    Fault(
        "reports_count_once",
        "shop/r-1",
        ("insert into invoicing.usage_report_key values ('shop', 'r-1', '2026-10', 'chi')",),
        "a key without a report",
    ),
    Fault("reports_count_once", "shop/r-1", _REPORTED, "a report without a key"),
    Fault(
        "metered_use_is_invoiced_once",
        "shop/2026-10/traffic-gb",
        (
            *_REPORTED,
            "insert into invoicing.usage_report_key values ('shop', 'r-1', '2026-10', 'chi')",
            """update invoicing.product_version set meters =
                   '{"traffic": {"sku": "traffic-gb", "aggregation": "cumulative"}}'""",
        ),
    ),
)

_POC: Final = (
    Fault(
        "poc_wallets_pay_for_poc",
        "ord-poor/none",
        ("update billing.payment set method = 'poc' where payment_id = 'payment-ord-poor'",),
        "for something else",
    ),
    Fault(
        "poc_wallets_pay_for_poc",
        "ord-poor/none",
        (
            """update billing.order_item set priced = priced || '{"poc": "running"}'
               where order_id = 'ord-poor'""",
        ),
        "paid by other means",
    ),
    Fault(
        "refunds_within_payments",
        "tried",
        (
            "update billing.refund set wallet = 'credit' where order_id = 'ord-stop'",
            f"""with gone as (
                    delete from wallet.transfer where transfer_id = '{_REFUND_OF_TRIED}'
                    returning account_id, wallet, balance_before
                )
                update wallet.wallet w
                set balance = g.balance_before, transfers = w.transfers - 1
                from gone g where (w.account_id, w.wallet) = (g.account_id, g.wallet)""",
            *_entry("refund", _REFUND_OF_TRIED, "pia", 90_000),
        ),
        "into another wallet",
    ),
    Fault(
        "poc_grants_arrived",
        "promised",
        (
            """insert into billing.poc_grant (grant_id, account_id, amount, ends_at, granted_by,
                   granted_at)
               select 'promised', account_id, 1, ends_at, granted_by, granted_at
               from billing.poc_grant""",
        ),
        "granted only",
    ),
    Fault("poc_grants_arrived", "found", _entry("grant", "found", "poor", 1_000), "never granted"),
    Fault(
        "poc_wallets_end",
        "pia",
        ("update wallet.wallet set ends_at = ends_at + interval '1 day' where wallet = 'poc'",),
    ),
    Fault(
        "poc_has_no_invoice",
        "of-a-poc",
        _another_invoice("of-a-poc", "trial", kind="prepaid", order_id="trial"),
    ),
    Fault(
        "poc_ends_with_its_wallet",
        "trial",
        (
            """update provisioning.resource set ends_at = ends_at + interval '1 day'
               where resource_id = 'trial'""",
        ),
    ),
)

_NOTICE: Final = """insert into notifications.notice (notice_id, account_id, template, facts,
        asked_at, cause_source, cause_id, cause_type)
    values ('planted', 'an', 'invoice_paid', '{}', now(), 'planted', 'planted', 'planted')"""
_NOTICES: Final = (
    Fault("notices_end_once", "planted", (_NOTICE,), "nobody will send it"),
    Fault(
        "notices_end_once",
        "planted",
        (
            _NOTICE,
            "insert into notifications.errand (notice_id) values ('planted')",
            """insert into notifications.notice_outcome (notice_id, outcome)
               values ('planted', 'muted')""",
        ),
        "it ended, and will be sent",
    ),
)

_PORTAL: Final = (
    Fault(
        "placed_orders_arrive",
        "planted",
        (
            """insert into portal.act (act_id, idempotency, actor, role, account_id, kind,
                   message_id, correlation_id, details, at)
               values ('planted', 'k', 'key:1', 'program', 'an', 'order_create', 'planted',
                   'ord-planted', '{}', now() - interval '1 day')""",
        ),
        "billing has no order ord-planted",
    ),
    Fault(
        "webhooks_move_on",
        "we-1/evt_1",
        (
            """insert into portal.webhook_endpoint (account_id, endpoint_id, url, description,
                   event_types, secret, created_by, created_at)
               values ('an', 'we-1', 'https://example.com', '', '{}', repeat('s', 40), 'an',
                   now())""",
            """insert into portal.webhook_delivery (account_id, endpoint_id, event_id, type, body,
                   due_at, give_up_at)
               values ('an', 'we-1', 'evt_1', 'invoice.paid', '{}', now() - interval '1 day',
                   now() + interval '1 day')""",
        ),
        "due since",
    ),
)

_SHOWN: Final = (
    Fault(
        "wallets_are_shown",
        "an/credit",
        ("update portal.wallet set balance = balance + 1 where account_id = 'an'",),
        "another balance",
    ),
    Fault(
        "wallets_are_shown",
        "an/credit",
        ("delete from portal.wallet where account_id = 'an'",),
        "none",
    ),
    Fault(
        "resources_are_shown",
        "web",
        ("update portal.resource set state = 'stopped' where resource_id = 'web'",),
        "another state",
    ),
    Fault(
        "resources_are_shown",
        "web",
        ("update portal.resource set version = version - 1 where resource_id = 'web'",),
        "as it was before",
    ),
    Fault(
        "invoices_are_shown",
        _INVOICE_OF_WEB,
        (f"delete from portal.invoice where invoice_id = '{_INVOICE_OF_WEB}'",),
        "none",
    ),
    Fault(
        "invoices_are_shown",
        _INVOICE_OF_WEB,
        (f"update portal.invoice set paid_at_once = false where invoice_id = '{_INVOICE_OF_WEB}'",),
        "as if unpaid",
    ),
    Fault(
        "letters_are_shown",
        "wallet:1000",
        (
            """insert into wallet.dead_letter (number, reason, detail, body)
               overriding system value values (1000, 'planted', '', '')""",
        ),
        "not told",
    ),
)

FAULTS: Final = (
    *_MONEY,
    *_ORDERS,
    *_INVOICES,
    *_USAGE,
    *_POC,
    *_NOTICES,
    *_PORTAL,
    *_SHOWN,
)
