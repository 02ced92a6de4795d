"""What the provisioning worker is."""

from services.provisioning.handlers import HANDLERS
from shared.service import Service

SERVICE = Service(name="provisioning", package="services.provisioning", handlers=HANDLERS)
