"""Servers that may be stopped and killed."""

from collections.abc import Iterator

import pytest

from tests.servers import Servers, ServersMissing, servers


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Servers]:
    """Servers that nobody else uses."""
    try:
        with servers(ours_alone=True, durable=True) as running:
            yield running
    except ServersMissing as missing:
        pytest.exit(str(missing), returncode=1)
