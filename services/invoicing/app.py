"""What the invoicing worker is."""

from services.invoicing.handlers import HANDLERS
from shared.messages.billing import RefundToCredit
from shared.service import Service

SERVICE = Service(
    name="invoicing",
    package="services.invoicing",
    handlers=HANDLERS,
    also_says=(RefundToCredit,),
)
