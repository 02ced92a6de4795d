"""What the billing worker is."""

from services.billing.handlers import HANDLERS
from shared.messages.upstream import OrderPlaced, TopUpReceived
from shared.messages.wallet import WalletHold, WalletRelease
from shared.service import Service

SERVICE = Service(
    name="billing",
    package="services.billing",
    handlers=HANDLERS,
    also_says=(OrderPlaced, TopUpReceived, WalletHold, WalletRelease),
)
