"""Every named SQL statement is one that Postgres understands, in the schema of its service."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry import SCHEMAS
from shared.service import Service
from shared.sql import Statements
from tests.conftest import OpenDatabase

_ROOT = Path(__file__).parents[2]


def statements_of(service: Service) -> Iterator[tuple[str, str]]:
    """The named statements of a service and of the messaging, each with the file that it is in."""
    yield from Statements("shared", "messaging.sql").items()
    package = importlib.import_module(service.package)
    for file in sorted(Path(package.__path__[0]).rglob("*.sql")):
        if file.parent.name != "migrations":
            folder = ".".join(file.parent.relative_to(_ROOT).parts)
            for name, statement in Statements(folder, file.name).items():
                yield f"{file.name}: {name}", statement


@pytest.mark.parametrize("service", SCHEMAS, ids=lambda service: service.name)
async def test_postgres_can_prepare_each_statement(
    service: Service, open_database: OpenDatabase
) -> None:
    failed: dict[str, str] = {}
    async with open_database(service.name) as db:
        for name, statement in statements_of(service):
            try:
                async with db.transaction():
                    await db.prepare(statement)
            except Exception as error:
                failed[name] = str(error)
    assert not failed


@pytest.mark.parametrize("service", SCHEMAS, ids=lambda service: service.name)
def test_each_service_has_statements_of_its_own(service: Service) -> None:
    shared = set(Statements("shared", "messaging.sql"))
    assert {name for name, _ in statements_of(service)} - shared
