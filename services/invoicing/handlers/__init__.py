"""Invoicing's handlers: load, decide, save, return what to say."""

from services.invoicing.handlers.automatic import invoice_payments_due, tick_day
from services.invoicing.handlers.catalogue import (
    account_registered,
    price_published,
    product_published,
)
from services.invoicing.handlers.credit_notes import credit_note_asked_for
from services.invoicing.handlers.holds import (
    account_switched,
    holds_due,
    wallet_answered,
    wallet_credited,
)
from services.invoicing.handlers.month import (
    invoice_run_account_requested,
    month_range_closed,
    month_range_due,
    tick_month,
)
from services.invoicing.handlers.payments import (
    invoice_payment_confirmed,
    invoice_payment_recorded,
    invoice_payment_requested,
    payment_failed,
)
from services.invoicing.handlers.reports import usage_recorded
from services.invoicing.handlers.resources import resource_changed
from services.invoicing.handlers.usage_reports import usage_report_requested
from shared.messages.billing import (
    AccountSwitched,
    InvoicePaymentConfirmed,
    PaymentFailed,
    RefundReserved,
)
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.invoicing import (
    HoldsDue,
    InvoicePaymentsDue,
    InvoiceRunAccountRequested,
    MonthRangeClosed,
    MonthRangeDue,
    UsageReportSetApart,
)
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceResized,
    ResourceStarted,
    ResourceStopped,
    ResourceSuspended,
)
from shared.messages.scheduler import TickDay, TickMonth
from shared.messages.upstream import (
    AccountRegistered,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    InvoicePaymentRequested,
    UsageBatchRecorded,
    UsageRecorded,
    UsageReportRequested,
)
from shared.messages.wallet import WalletCredited, WalletDeclined, WalletHeld
from shared.service import Handlers

HANDLERS: Handlers = {
    AccountRegistered: account_registered,
    AccountSwitched: account_switched,
    ProductPublished: product_published,
    PricePublished: price_published,
    ResourceProvisioned: resource_changed,
    ResourceResized: resource_changed,
    ResourceRenewed: resource_changed,
    ResourceRecovered: resource_changed,
    ResourceStopped: resource_changed,
    ResourceStarted: resource_changed,
    ResourceSuspended: resource_changed,
    ResourceDeleted: resource_changed,
    ResourceReleased: resource_changed,
    ResourceConverted: resource_changed,
    UsageRecorded: usage_recorded,
    UsageBatchRecorded: usage_recorded,
    UsageReportSetApart: usage_recorded,
    InvoicePaymentConfirmed: invoice_payment_confirmed,
    PaymentFailed: payment_failed,
    InvoicePaymentRecorded: invoice_payment_recorded,
    InvoicePaymentRequested: invoice_payment_requested,
    InvoiceCreditRequested: credit_note_asked_for,
    RefundReserved: credit_note_asked_for,
    WalletHeld: wallet_answered,
    WalletDeclined: wallet_answered,
    WalletCredited: wallet_credited,
    UsageReportRequested: usage_report_requested,
    TickDay: tick_day,
    HoldsDue: holds_due,
    InvoicePaymentsDue: invoice_payments_due,
    TickMonth: tick_month,
    MonthRangeDue: month_range_due,
    InvoiceRunAccountRequested: invoice_run_account_requested,
    MonthRangeClosed: month_range_closed,
}
