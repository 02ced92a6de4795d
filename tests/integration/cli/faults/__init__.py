"""One fault for each check of the audit, planted as nobody could through the program: raw, past
triggers and constraints."""

from typing import Final

from tests.integration.cli.faults.invoices import INVOICES, USAGE
from tests.integration.cli.faults.money import MONEY
from tests.integration.cli.faults.orders import ORDERS
from tests.integration.cli.faults.planting import Fault
from tests.integration.cli.faults.poc import POC
from tests.integration.cli.faults.portal import NOTICES, PORTAL, SHOWN

__all__ = ["FAULTS", "Fault"]

FAULTS: Final = (
    *MONEY,
    *ORDERS,
    *INVOICES,
    *USAGE,
    *POC,
    *NOTICES,
    *PORTAL,
    *SHOWN,
)
