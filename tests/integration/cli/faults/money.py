"""Faults of money: wallets, payments, refunds."""

from typing import Final

from tests.integration.cli.faults.planting import (
    FORGED_TOP_UP,
    INVOICE_OF_WEB,
    REFUND_OF_BAD,
    Fault,
    credit_note_of,
    entry,
    payment_of_invoice,
    reserved,
    without_last_entry,
)

MONEY: Final = (
    Fault(
        "wallet_balances",
        "an/credit",
        ("update wallet.wallet set balance = balance + 1 where account_id = 'an'",),
    ),
    Fault(
        "ledger_continues",
        f"refund/{REFUND_OF_BAD}",
        (
            f"""update wallet.transfer
                set balance_before = balance_before + 1, balance_after = balance_after + 1
                where transfer_id = '{REFUND_OF_BAD}'""",
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
    Fault("charges_were_asked_for", "stolen", entry("charge", "stolen", "bad", 1_000)),
    Fault(
        "payments_were_charged",
        "payment-ord-bad",
        (
            "insert into billing.charge values ('again', 'payment-ord-bad', 280000, 'bad')",
            *entry("charge", "again", "bad", 280_000),
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
            *entry("refund", "planted", "poor", 180_000),
        ),
        "confirmed, and given back, without having been charged",
    ),
    Fault(
        "gateway_payments_came",
        "payment-ord-gate",
        ("delete from billing.gateway_receipt where gateway_reference = 'g-1'",),
    ),
    Fault("gateway_money_arrived", "bank/g-2", without_last_entry("gate")),
    Fault("top_ups_were_told", FORGED_TOP_UP, entry("top_up", FORGED_TOP_UP, "poor", 1_000)),
    Fault("refunds_arrived", REFUND_OF_BAD, without_last_entry("bad")),
    Fault(
        "invoice_refunds_arrived",
        "overpaid-planted",
        (
            *payment_of_invoice("planted", paid=700),
            """insert into invoicing.invoice_payment (payment_id, invoice_id, account_id, method,
                   amount, overpaid, paid_before, paid_after, at)
               select 'planted', invoice_id, account_id, 'gateway', 0, 700, 0, 0, now()
               from invoicing.invoice where resource_id = 'shop' and period = '2026-10'""",
        ),
        "paid too much",
    ),
    Fault("refunds_were_told", "gift", entry("refund", "gift", "poor", 1_000)),
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
        "refunds_within_payments",
        "good",
        (
            *credit_note_of("good", 100_000),
            *entry("refund", "credited-planted", "an", 100_000),
            reserved("good", "ord-two", 100_000),
        ),
        "credited after it was given back",
    ),
    Fault(
        "credit_notes_were_reserved",
        "planted",
        (
            *credit_note_of("web", 100_000),
            *entry("refund", "credited-planted", "an", 100_000),
        ),
        "issued without that",
    ),
    Fault(
        "credit_notes_were_reserved",
        "planted",
        (
            *credit_note_of("web", 100_000),
            *entry("refund", "credited-planted", "an", 100_000),
            reserved("web", "ord-web", 99_999),
        ),
        "issued over more",
    ),
    Fault(
        "credit_notes_were_reserved",
        "planted",
        (reserved("web", "ord-web", 100_000),),
        "never issued",
    ),
    Fault(
        "unused_value_went_back",
        "ord-del/del-good",
        ("delete from billing.refund where order_id = 'ord-del'", *without_last_entry("an")),
    ),
    Fault(
        "invoices_add_up",
        INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_line set amount = amount + 1
                where invoice_id = '{INVOICE_OF_WEB}' and position = 1""",
        ),
    ),
    Fault(
        "invoices_paid_once",
        INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_state
                set paid = paid - 1, gross = gross - 1
                where invoice_id = '{INVOICE_OF_WEB}'""",
        ),
    ),
    Fault(
        "credits_add_up",
        INVOICE_OF_WEB,
        (
            f"""update invoicing.invoice_state set credited = 1
                where invoice_id = '{INVOICE_OF_WEB}'""",
        ),
    ),
    Fault(
        "invoice_refunds_arrived",
        "credited-planted",
        (
            *credit_note_of("web", 10),
            reserved("web", "ord-web", 10),
        ),
        "credited",
    ),
    Fault(
        "invoice_collections",
        INVOICE_OF_WEB,
        (
            "alter table invoicing.invoice_state drop constraint invoice_state_check",
            f"""update invoicing.invoice_state set reserved = 10
                where invoice_id = '{INVOICE_OF_WEB}'""",
        ),
    ),
    Fault(
        "overdue_accounts_owe",
        "an",
        (
            """insert into invoicing.account_dues (account_id, day, overdue_told_at)
               values ('an', '2027-01-01', now())
               on conflict (account_id) do update set overdue_told_at = now()""",
        ),
        why="by invoicing",
    ),
    Fault(
        "overdue_accounts_owe",
        "an",
        (
            """insert into billing.account_standing (account_id, overdue_since, told_at)
               values ('an', now(), now())""",
        ),
        why="by billing",
    ),
    Fault("invoice_payments_agree", "lost", payment_of_invoice("lost", paid=700)),
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
