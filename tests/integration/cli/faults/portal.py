"""Faults of notices, and of what the portal does and shows."""

from typing import Final

from tests.integration.cli.faults.planting import INVOICE_OF_WEB, Fault

_NOTICE: Final = """insert into notifications.notice (notice_id, account_id, template, facts,
        asked_at, cause_source, cause_id, cause_type)
    values ('planted', 'an', 'invoice_paid', '{}', now(), 'planted', 'planted', 'planted')"""
NOTICES: Final = (
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

PORTAL: Final = (
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

SHOWN: Final = (
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
        ("update portal.resource set version = version + 1 where resource_id = 'web'",),
        "as it never was",
    ),
    Fault(
        "invoices_are_shown",
        INVOICE_OF_WEB,
        (f"delete from portal.invoice where invoice_id = '{INVOICE_OF_WEB}'",),
        "none",
    ),
    Fault(
        "invoices_are_shown",
        INVOICE_OF_WEB,
        (f"update portal.invoice set paid_at_once = false where invoice_id = '{INVOICE_OF_WEB}'",),
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
