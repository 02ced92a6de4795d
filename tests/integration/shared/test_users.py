"""Users of Postgres as they are made: what they verify, and what they see."""

import base64

import asyncpg
import pytest

from services.registry import SERVICES
from shared.database import Connection, connect
from shared.users import Login, apply_to_postgres, postgres_verifier
from tests.users import own_login, removed_at_the_end, with_login


async def test_what_is_sent_verifies_the_password_as_postgres_itself_would(
    database_url: str,
) -> None:
    db = await connect(database_url)
    try:
        async with removed_at_the_end(db, own_login("wallet")) as login:
            await db.execute(f"create role {login.name} password '{login.password}'")
            kept = await verifier(db, login)
            salt = kept.split("$")[1].partition(":")[2]
            assert kept == postgres_verifier(login.password, base64.b64decode(salt))
    finally:
        await db.close()


async def test_a_user_sees_its_own_schema_and_no_other(database_url: str) -> None:
    db = await connect(database_url)
    try:
        async with removed_at_the_end(db, own_login("wallet")) as login:
            await apply_to_postgres(db, login, SERVICES["wallet"])
            own = await connect(with_login(database_url, login))
            try:
                assert await own.fetchval("select count(*) from wallet.wallet") == 0
                assert await own.fetchval("select count(*) from wallet.migration") > 0
                for table in ("billing.payment", "invoicing.invoice", "billing.migration"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await own.fetch(f"select * from {table}")
                for forbidden in (
                    "set role cloudtill_billing",
                    "set role cloudtill_wallet_owner",
                    "create schema mine",
                    "create table public.mine ()",
                    "insert into wallet.migration values ('x', 'y')",
                ):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await own.execute(forbidden)
            finally:
                await own.close()
    finally:
        await db.close()


async def test_making_a_user_again_changes_its_password(database_url: str) -> None:
    db = await connect(database_url)
    try:
        async with removed_at_the_end(db, own_login("wallet")) as login:
            await apply_to_postgres(db, login, SERVICES["wallet"])
            first = await verifier(db, login)
            await apply_to_postgres(db, Login(login.name, "another"), SERVICES["wallet"])
            assert await verifier(db, login) != first
    finally:
        await db.close()


async def verifier(db: Connection, login: Login) -> str:
    kept: str = await db.fetchval(
        "select rolpassword from pg_authid where rolname = $1", login.name
    )
    return kept
