"""What the provisioning worker is."""

from services.provisioning.handlers import HANDLERS
from shared.messages.product_teams import ProductFailed, ProductSucceeded
from shared.service import Service

SERVICE = Service(
    name="provisioning",
    package="services.provisioning",
    handlers=HANDLERS,
    also_says=(ProductFailed, ProductSucceeded),
)
