"""What the wallet worker is."""

from services.wallet.handlers import HANDLERS
from shared.service import Service

SERVICE = Service(name="wallet", package="services.wallet", handlers=HANDLERS)
