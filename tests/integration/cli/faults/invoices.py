"""Faults of invoices, and of what was used."""

from typing import Final

from tests.integration.cli.faults.planting import Fault, another_invoice

INVOICES: Final = (
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
            *another_invoice("again", "shop", kind="usage"),
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
USAGE: Final = (
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
