"""Tables that gained their account: what was there before, and workers of the release before it."""

from collections.abc import AsyncIterator

import pytest

from shared.database import Connection, connect, is_transient
from shared.migrations import migrate, migrations_of
from tests.integration.shared.test_migrations import empty_url

__all__ = ["empty_url"]

LED = "_led_by_account.sql"
ORDERED = """
    insert into purchase_order (order_id, account_id, action, fingerprint, state, placed_at, source,
                                correlation_id)
    values ('ord-{n}', 'acc-{n}', 'create', '', 'provisioning', now(), '/portal', 'ord-{n}');
    insert into order_item (order_id, item_id, position, resource_id, amount, priced)
    values ('ord-{n}', 'vm-{n}', 1, 'vm-{n}', 100, '{{}}');
    insert into resource (resource_id, account_id, product, name, user_type, state, components,
                          busy_with)
    values ('vm-{n}', 'acc-{n}', 'vserver', 'web', 'prepaid', 'new', '[]', 'ord-{n}');
    insert into coupon_use (code, order_id) values ('ten', 'ord-{n}');
    insert into payment (payment_id, account_id, order_id, method, amount, currency, correlation_id,
                         requested_at)
    values ('pay-{n}', 'acc-{n}', 'ord-{n}', 'gateway', 100, 'VND', 'ord-{n}', now());
    insert into charge (charge_id, payment_id, amount) values ('pay-{n}', 'pay-{n}', 100)
    on conflict (charge_id) do nothing;
    insert into gateway_request (payment_id, amount, pay_until) values ('pay-{n}', 100, now());
    insert into gateway_receipt (gateway, gateway_reference, payment_id, amount, became, at)
    values ('bank', 'ref-{n}', 'pay-{n}', 100, 'payment', now());
    insert into payment_outcome (payment_id, asked, outcome, amount, at)
    values ('pay-{n}', 100, 'confirmed', 100, now());
    insert into item_outcome (order_id, item_id, outcome, at)
    values ('ord-{n}', 'vm-{n}', 'done', now());
    insert into term_piece (order_id, item_id, resource_id, starts_at, ends_at, paid, vat_rate)
    values ('ord-{n}', 'vm-{n}', 'vm-{n}', now(), now(), 100, 0.1);
"""
"""What a worker of the release before wrote of a prepaid order."""

GAINED = {
    "billing": (
        "order_item",
        "coupon_use",
        "charge",
        "gateway_request",
        "gateway_receipt",
        "payment_outcome",
        "item_outcome",
        "term_piece",
    ),
    "invoicing": ("invoice_line", "usage_report_key"),
}


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Connection]:
    opened = await connect(empty_url)
    yield opened
    await opened.close()


async def _before(db: Connection, service: str, written: str) -> None:
    """The schema of the release before, with what its workers wrote."""
    migrations = migrations_of(f"services.{service}")
    first = next(place for place, one in enumerate(migrations) if one.name.endswith(LED))
    await migrate(db, service, migrations[:first])
    await db.execute(f"set search_path to {service}")
    await db.execute(written)
    await db.execute("reset search_path")


async def _accounts(db: Connection, service: str) -> dict[str, list[str]]:
    return {
        table: [
            row["account_id"]
            for row in await db.fetch(f"select account_id from {service}.{table} order by 1")
        ]
        for table in GAINED[service]
    }


async def test_orders_gain_their_account_and_go_on_beside_workers_of_the_release_before(
    db: Connection,
) -> None:
    shop = """
        insert into account select 'acc-' || n, 'an@example.com', 'An', 'VND', null, now()
        from generate_series(1, 2) n;
        insert into coupon (code, kind, value, products, valid_until, published_at)
        values ('ten', 'amount', 10, '{}', now(), now());"""
    await _before(db, "billing", shop + ORDERED.format(n=1))
    await migrate(db, "billing", migrations_of("services.billing"))
    assert await _accounts(db, "billing") == {table: ["acc-1"] for table in GAINED["billing"]}
    await db.execute("set role cloudtill_billing; set search_path to billing")
    await db.execute(ORDERED.format(n=2))
    assert await _accounts(db, "billing") == {
        table: ["acc-1", "acc-2"] for table in GAINED["billing"]
    }


INVOICED = """
    insert into account (account_id, currency, subunits) values ('acc-1', 'VND', 1);
    insert into resource (resource_id, account_id, product, name, version, discount_rate)
    values ('vm-1', 'acc-1', 'vserver', 'web', 1, 0);
    insert into invoice_series (series, year, place) values ('2026A', 2026, 0);
    insert into invoice (invoice_id, series, number, account_id, resource_id, kind, order_id,
                         item_id, period_from, period_to, currency, net, vat, gross, issued_at)
    values ('inv-1', '2026A', 1, 'acc-1', 'vm-1', 'prepaid', 'ord-1', 'vm-1', now(), now(), 'VND',
            91, 9, 100, now());
    insert into usage_report_key (resource_id, report_id, month) values ('vm-1', 'r-1', '2026-11');
"""
LINE = """
    insert into invoice_line (invoice_id, position, sku, description, quantity, unit_price, amount,
                              vat, vat_rate, vat_included)
    values ('inv-1', $1, 'image', 'web', 1, 100, 100, 9, 0.1, true)
"""


async def test_invoices_gain_their_account_and_workers_of_the_release_before_wait_with_more(
    db: Connection,
) -> None:
    await _before(db, "invoicing", INVOICED + LINE.replace("$1", "1"))
    await migrate(db, "invoicing", migrations_of("services.invoicing"))
    assert await _accounts(db, "invoicing") == {table: ["acc-1"] for table in GAINED["invoicing"]}
    await db.execute("set role cloudtill_invoicing; set search_path to invoicing")
    again = (
        "insert into usage_report_key (resource_id, report_id, month) values ('vm-1', 'r-2', 'm')"
    )
    await db.execute(again)
    assert (await _accounts(db, "invoicing"))["usage_report_key"] == ["acc-1", "acc-1"]
    with pytest.raises(Exception, match="workers of a later release") as refused:
        await db.execute(LINE, 2)
    assert is_transient(refused.value, db), "it is tried again and uses up no attempts"
