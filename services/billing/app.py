"""What the billing worker is."""

from services.billing.handlers import HANDLERS
from shared.service import Service

SERVICE = Service(name="billing", package="services.billing", handlers=HANDLERS)
