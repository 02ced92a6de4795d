"""Invoicing without its queue: messages go to its handlers as its worker hands them over."""

import pytest

from tests.conftest import OpenDatabase
from tests.integration.invoicing.house import Invoicing


@pytest.fixture
def invoicing(open_database: OpenDatabase) -> Invoicing:
    """The invoicing service on a database of its own."""
    return Invoicing(open_database)
