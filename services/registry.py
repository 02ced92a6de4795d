"""All services, by name: the one table from which commands, topology and tests start."""

from services.billing.app import SERVICE as BILLING
from services.gateways.app import SERVICE as GATEWAYS
from services.invoicing.app import SERVICE as INVOICING
from services.notifications.app import SERVICE as NOTIFICATIONS
from services.portal.app import SERVICE as PORTAL
from services.provisioning.app import SERVICE as PROVISIONING
from services.scheduler.app import SERVICE as SCHEDULER
from services.wallet.app import SERVICE as WALLET

SERVICES = {
    service.name: service
    for service in (BILLING, WALLET, PROVISIONING, INVOICING, GATEWAYS, NOTIFICATIONS, PORTAL)
}
"""Those with a queue."""

SCHEMAS = (*SERVICES.values(), SCHEDULER)
"""Those with tables of their own."""
