"""Billing's SQL: sets of rows in, sets of rows out; one module for each thing it keeps."""

from services.billing.store import (
    accounts,
    catalogue,
    holds,
    orders,
    payments,
    renewals,
    resources,
)

__all__ = ["accounts", "catalogue", "holds", "orders", "payments", "renewals", "resources"]
