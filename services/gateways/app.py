"""What the gateways' worker is."""

from services.gateways import worker
from services.gateways.handlers import HANDLERS
from services.gateways.settings import settings as own_settings
from shared.messages.upstream import (
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    TopUpReceived,
)
from shared.service import Service
from shared.settings import Settings

SERVICE = Service(
    name="gateways",
    package="services.gateways",
    handlers=HANDLERS,
    also_says=(GatewayPaymentFailed, GatewayPaymentSucceeded, TopUpReceived),
)


class Worker(worker.Worker):
    """The gateways' worker of this installation."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(SERVICE, settings, own_settings())
