"""What the portal's worker is."""

from services.portal import worker
from services.portal.handlers import HANDLERS
from services.portal.settings import settings as own_settings
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import (
    AccountRegistered,
    InvoicePaymentRequested,
    NotificationRecipientConfirmed,
    OrderPlaced,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpRequested,
    UsageReportRequested,
)
from shared.service import Service
from shared.settings import Settings

SERVICE = Service(
    name="portal",
    package="services.portal",
    handlers=HANDLERS,
    also_says=(
        AccountRegistered,
        InvoicePaymentRequested,
        NotificationRecipientConfirmed,
        NotificationRequested,
        OrderPlaced,
        QuoteRequested,
        ResourceAutoRenewSet,
        TopUpRequested,
        UsageReportRequested,
    ),
)


class Worker(worker.Worker):
    """The portal's worker of this installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SERVICE, settings, own_settings())
