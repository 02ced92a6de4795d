"""Billing's handlers: load, decide, save, return what to say. The table says who handles what."""

from services.billing.handlers.accounts import (
    account_registered,
    account_standing_told,
    account_switch_requested,
)
from services.billing.handlers.catalogue import (
    coupon_published,
    discount_granted,
    price_published,
    product_published,
)
from services.billing.handlers.credit_notes import refund_reserve
from services.billing.handlers.gateway import gateway_payment_failed, gateway_payment_succeeded
from services.billing.handlers.holds import answered
from services.billing.handlers.orders import order_placed
from services.billing.handlers.payments import (
    invoice_paid,
    payment_collect,
    wallet_credited,
    wallet_debited,
    wallet_declined,
)
from services.billing.handlers.poc import poc_granted
from services.billing.handlers.quotes import quote_requested
from services.billing.handlers.renewals import renewals_due, resource_auto_renew_set
from services.billing.handlers.resources import provisioning_failed, resource_changed
from services.billing.handlers.ticks import remind, tick_minute
from shared.messages.billing import PaymentCollect, RefundReserve, RemindersDue, RenewalsDue
from shared.messages.catalogue import (
    CouponPublished,
    DiscountGranted,
    PricePublished,
    ProductPublished,
)
from shared.messages.invoicing import (
    AccountOverdue,
    AccountSettled,
    InvoicePaid,
    InvoicePartiallyPaid,
)
from shared.messages.provisioning import (
    ProvisioningFailed,
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
from shared.messages.scheduler import TickDay, TickMinute
from shared.messages.upstream import (
    AccountRegistered,
    AccountSwitchRequested,
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    OrderPlaced,
    PocGranted,
    QuoteRequested,
    ResourceAutoRenewSet,
)
from shared.messages.wallet import WalletCredited, WalletDebited, WalletDeclined, WalletHeld
from shared.service import Handlers

HANDLERS: Handlers = {
    AccountRegistered: account_registered,
    ProductPublished: product_published,
    PricePublished: price_published,
    DiscountGranted: discount_granted,
    CouponPublished: coupon_published,
    AccountOverdue: account_standing_told,
    AccountSettled: account_standing_told,
    AccountSwitchRequested: account_switch_requested,
    PocGranted: poc_granted,
    ProvisioningFailed: provisioning_failed,
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
    RefundReserve: refund_reserve,
    WalletDebited: wallet_debited,
    WalletDeclined: wallet_declined,
    WalletHeld: answered,
    WalletCredited: wallet_credited,
    GatewayPaymentSucceeded: gateway_payment_succeeded,
    GatewayPaymentFailed: gateway_payment_failed,
    PaymentCollect: payment_collect,
    InvoicePaid: invoice_paid,
    InvoicePartiallyPaid: invoice_paid,
    ResourceAutoRenewSet: resource_auto_renew_set,
    OrderPlaced: order_placed,
    QuoteRequested: quote_requested,
    RenewalsDue: renewals_due,
    TickMinute: tick_minute,
    TickDay: remind,
    RemindersDue: remind,
}
