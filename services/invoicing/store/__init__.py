"""Invoicing's SQL: sets of rows in, sets of rows out."""

from services.invoicing.store.explaining import explain_invoice
from services.invoicing.store.holds import show_hold
from services.invoicing.store.show import (
    find_gaps,
    show_credit_notes,
    show_invoice,
    show_invoice_payments,
    show_invoices,
    show_lines,
    show_quarantine,
    show_ranges_in_hand,
    show_report,
    show_run,
    show_segments,
    show_use,
)

__all__ = [
    "explain_invoice",
    "find_gaps",
    "show_credit_notes",
    "show_hold",
    "show_invoice",
    "show_invoice_payments",
    "show_invoices",
    "show_lines",
    "show_quarantine",
    "show_ranges_in_hand",
    "show_report",
    "show_run",
    "show_segments",
    "show_use",
]
