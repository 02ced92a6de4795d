"""What the portal's worker is."""

from services.portal import worker
from services.portal.handlers import HANDLERS
from services.portal.settings import settings as own_settings
from shared.messages.dead_letters import DeadLetterDiscardRequested, DeadLetterReplayRequested
from shared.messages.invoicing import InvoiceRunAccountRequested
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import (
    AccountChanged,
    AccountRegistered,
    AccountSwitchRequested,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    InvoicePaymentRequested,
    NotificationPreferencesSet,
    NotificationRecipientConfirmed,
    OrderPlaced,
    PocGranted,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpReceived,
    TopUpRequested,
    UsageReportRequested,
)
from shared.service import Service
from shared.settings import Settings

CUSTOMERS_SAY = (
    AccountChanged,
    AccountRegistered,
    InvoicePaymentRequested,
    NotificationPreferencesSet,
    NotificationRecipientConfirmed,
    NotificationRequested,
    OrderPlaced,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpRequested,
    UsageReportRequested,
)
SUPPORT_SAYS = (
    AccountSwitchRequested,
    DeadLetterDiscardRequested,
    DeadLetterReplayRequested,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    InvoiceRunAccountRequested,
    PocGranted,
    TopUpReceived,
)

SERVICE = Service(
    name="portal",
    package="services.portal",
    handlers=HANDLERS,
    also_says=(*CUSTOMERS_SAY, *SUPPORT_SAYS),
)


class Worker(worker.Worker):
    """The portal's worker of this installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SERVICE, settings, own_settings())
