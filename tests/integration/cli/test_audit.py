"""The audit finds each fault that can be, and only that one (domain 11)."""

from datetime import timedelta

import pytest

from services.cli.audit import STATEMENTS, Check, checked
from shared.database import Connection
from shared.messages.upstream import PocGranted
from tests.builders import NOON, said
from tests.integration.cli.faults import FAULTS, Fault

AT_ONCE = timedelta(0)
WITHIN_A_MINUTE = timedelta(minutes=1)
SHOWN = frozenset(STATEMENTS[-1])
"""Checks of what the portal shows against its owners."""
STANDS_STILL = next(fault for fault in FAULTS if fault.check == "orders_move_on")
NEVER_RESERVED, _, NEVER_ISSUED = (
    fault for fault in FAULTS if fault.check == "credit_notes_were_reserved"
)
FORGED = next(fault for fault in FAULTS if fault.check == "refunds_were_told")


async def plant(db: Connection, *statements: str) -> None:
    """Do what nobody could: triggers and foreign keys look away."""
    await db.execute("set local session_replication_role = replica")
    for statement in statements:
        await db.execute(statement)
    await db.execute("set local session_replication_role = origin")


async def found(
    db: Connection, settle: timedelta = AT_ONCE, *, shown: bool = False
) -> dict[str, list[str]]:
    """What is wrong: the ids, by check.

    Args:
        db: the database.
        settle: how long a message may be on its way.
        shown: with what compares the portal with the owners of what it shows: whatever is planted
            with an owner shows there too.
    """
    checks = [one for one in await checked(db, settle) if shown or one.name not in SHOWN]
    return {check.name: [one.id for one in check.wrong] for check in checks if check.wrong}


async def in_flight(db: Connection, settle: timedelta = AT_ONCE) -> dict[str, int]:
    """How many things are on their way, by check."""
    checks = [one for one in await checked(db, settle) if one.name not in SHOWN]
    return {check.name: check.in_flight for check in checks if check.in_flight}


async def correlation_of(db: Connection, order_id: str) -> str:
    """What the messages of an order have in common."""
    correlation_id: str = await db.fetchval(
        "select correlation_id from billing.purchase_order where order_id = $1", order_id
    )
    return correlation_id


async def test_a_house_that_played_everything_is_clean(played: Connection) -> None:
    assert await found(played, shown=True) == {}
    assert [one.name for one in await checked(played, AT_ONCE) if one.in_flight] == []


def test_every_check_has_a_fault_that_it_is_tested_with() -> None:
    assert {fault.check for fault in FAULTS} == {name for one in STATEMENTS for name in one}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.check} {one.why}".strip())
async def test_a_fault_is_found_by_its_check_alone(played: Connection, fault: Fault) -> None:
    await plant(played, *fault.statements)
    assert await found(played, shown=fault.check in SHOWN) == {fault.check: [fault.id]}


async def test_what_the_portal_was_not_told_yet_is_in_flight_while_something_waits_to_be_told(
    played: Connection,
) -> None:
    fault = next(one for one in FAULTS if one.check == "wallets_are_shown")
    await plant(played, *fault.statements)
    await played.execute(
        """insert into wallet.outbox (exchange, routing_key, message_id, type, must_arrive, body,
               due_at)
           values ('cloudtill', 'wallet.debited', 'm-1', 'wallet.debited', true, '', now())"""
    )
    assert await found(played, shown=True) == {}


async def test_of_accounts_that_the_portal_does_not_know_it_shows_nothing(
    played: Connection,
) -> None:
    await plant(played, "delete from portal.account", "delete from portal.wallet")
    assert await found(played, shown=True) == {}


async def test_what_was_just_recorded_is_in_flight(played: Connection) -> None:
    await plant(played, *FORGED.statements)
    assert await found(played, WITHIN_A_MINUTE) == {}
    assert await in_flight(played, WITHIN_A_MINUTE) == {"refunds_were_told": 1}


async def test_what_was_recorded_long_ago_is_wrong_whatever_its_business_time(
    played: Connection,
) -> None:
    await plant(
        played,
        *FORGED.statements,
        "update wallet.transfer set recorded_at = now() - interval '2 minutes', at = now()"
        " where transfer_id = 'gift'",
    )
    assert await found(played, WITHIN_A_MINUTE) == {"refunds_were_told": ["gift"]}


async def test_what_cannot_be_on_its_way_is_wrong_at_once(played: Connection) -> None:
    await plant(played, "update wallet.wallet set balance = balance + 1 where account_id = 'an'")
    assert await found(played, timedelta(days=1)) == {"wallet_balances": ["an/credit"]}


async def test_an_order_with_a_message_in_an_outbox_is_in_flight(played: Connection) -> None:
    await plant(played, *STANDS_STILL.statements)
    await played.execute(
        """insert into wallet.outbox (exchange, routing_key, message_id, type, correlation_id,
               must_arrive, body, due_at)
           values ('cloudtill', 'wallet.debited', 'm-1', 'wallet.debited', $1, true, '', now())""",
        await correlation_of(played, "ord-web"),
    )
    assert await found(played) == {}
    assert await in_flight(played) == {"orders_move_on": 1}


async def dead_letter(db: Connection, body: str, conclusion: str | None) -> None:
    """A letter of provisioning's that waits, or that an operator concluded."""
    await db.execute(
        """insert into provisioning.dead_letter (reason, detail, body, concluded_at, conclusion)
           values ('planted', '', convert_to($1, 'UTF8'),
                   case when $2::text is not null then now() end, $2)""",
        body,
        conclusion,
    )


async def test_an_order_with_an_open_dead_letter_is_in_flight(played: Connection) -> None:
    await plant(played, *STANDS_STILL.statements)
    name = await correlation_of(played, "ord-web")
    await dead_letter(played, "not JSON", None)
    await dead_letter(played, '["neither"]', None)
    await dead_letter(played, f'{{"id": "m-1", "correlationid": "{name}"}}', None)
    assert await found(played) == {}
    assert await in_flight(played) == {"orders_move_on": 1}


async def test_the_message_that_begins_an_order_is_what_it_is_named_after(
    played: Connection,
) -> None:
    await plant(played, *STANDS_STILL.statements)
    name = await correlation_of(played, "ord-web")
    await dead_letter(played, f'{{"id": "{name}"}}', None)
    assert await in_flight(played) == {"orders_move_on": 1}


async def test_what_is_reserved_is_in_flight_until_its_credit_note_is_issued(
    played: Connection,
) -> None:
    await plant(played, *NEVER_ISSUED.statements)
    assert await in_flight(played, WITHIN_A_MINUTE) == {"credit_notes_were_reserved": 1}
    assert await found(played, WITHIN_A_MINUTE) == {}
    await dead_letter(played, '{"id": "m-1", "correlationid": "asked"}', None)
    assert await in_flight(played) == {"credit_notes_were_reserved": 1}
    assert await found(played) == {}


async def test_a_credit_note_that_was_not_reserved_is_wrong_at_once(played: Connection) -> None:
    await plant(played, *NEVER_RESERVED.statements)
    assert await found(played, timedelta(days=1)) == {"credit_notes_were_reserved": ["planted"]}


async def test_a_discarded_dead_letter_excuses_nothing(played: Connection) -> None:
    await plant(played, *STANDS_STILL.statements)
    name = await correlation_of(played, "ord-web")
    await dead_letter(played, f'{{"correlationid": "{name}"}}', "discarded")
    assert await found(played) == {"orders_move_on": ["ord-web"]}


async def test_a_grant_that_waits_among_the_dead_letters_is_in_flight(played: Connection) -> None:
    grant = said(
        PocGranted(account_id="pia", amount=1, ends_at=NOON + timedelta(days=1), granted_by="sales")
    )
    await played.execute(
        """insert into billing.poc_grant (grant_id, account_id, amount, ends_at, granted_by,
               granted_at)
           select $1, account_id, 1, ends_at, granted_by, granted_at
           from billing.poc_grant limit 1""",
        grant.envelope.derived_id("grant"),
    )
    assert "poc_grants_arrived" in await found(played)
    await dead_letter(played, '{"type": "poc.granted"}', None)
    assert "poc_grants_arrived" in await found(played)
    await dead_letter(played, grant.encode().decode(), None)
    assert "poc_grants_arrived" not in await found(played)
    assert (await in_flight(played))["poc_grants_arrived"] == 1


async def test_an_order_that_waits_for_a_product_team_is_not_wrong(played: Connection) -> None:
    await plant(
        played,
        *STANDS_STILL.statements,
        "delete from billing.item_outcome where order_id = 'ord-web'",
        "update provisioning.request set outcome = null, concluded_at = null"
        " where order_id = 'ord-web'",
    )
    wrong = await found(played)
    assert "orders_move_on" not in wrong
    assert "paid_items_concluded" not in wrong


async def test_the_checks_tell_what_they_are_about(played: Connection) -> None:
    checks: list[Check] = await checked(played, AT_ONCE)
    sections = [check.title.split()[0] for check in checks]
    assert sections == sorted(sections)
    assert set(sections) == {"11.1", "11.2", "11.3", "11.4", "11.5", "11.6"}
