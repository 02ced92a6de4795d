"""Faults of orders."""

from typing import Final

from tests.integration.cli.faults.planting import (
    Fault,
    another_invoice,
    payment_of_invoice,
    without_invoice,
    without_last_entry,
)

ORDERS: Final = (
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
            *without_invoice("ord-web"),
        ),
    ),
    Fault("done_items_invoiced", "ord-web/web", without_invoice("ord-web")),
    Fault(
        "failed_items_refunded",
        "ord-bad/bad",
        ("delete from billing.refund where order_id = 'ord-bad'", *without_last_entry("bad")),
    ),
    Fault(
        "invoices_were_paid_for",
        "ghost",
        another_invoice("ghost", "web", kind="prepaid", order_id="ord-ghost"),
    ),
    Fault(
        "orders_move_on",
        "ord-web",
        ("update billing.purchase_order set state = 'provisioning' where order_id = 'ord-web'",),
    ),
    Fault("payments_move_on", "idle", payment_of_invoice("idle", paid=None)),
    Fault("coupons_are_counted", "SAVE", ("update billing.coupon set uses = uses + 1",)),
    Fault(
        "resources_agree",
        "web",
        ("update billing.resource set state = 'stopped' where resource_id = 'web'",),
    ),
)
