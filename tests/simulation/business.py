"""What the simulated services do with messages: a ledger, and every way in which handlers answer.

How a message behaves is the first word of its id.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from shared.messages import Later, NotYet, Refused, Said
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCharge
from shared.service import Service
from tests.simulation.witness import Witness

TILL: Final = "till"
LEDGER: Final = "ledger"
KINDS: Final = (
    "clean",
    "waits",
    "never",
    "refused",
    "raises",
    "flaky",
    "poison",
    "shaky",
    "garbage",
)
_CREDIT: Final = "/* credit */"
_FIND_CREDITED: Final = "/* find_credited */"
_SHAKY_KILLS: Final = 2
_FLAKY_RAISES: Final = 2


class Business:
    """The handlers of one world."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._killed: Counter[str] = Counter()

    def services(self) -> dict[str, Service]:
        """The first hears from the world and says to the second what it has booked."""
        return {
            TILL: Service(TILL, "tests.simulation", {TopUpReceived: self.top_up_received}),
            LEDGER: Service(LEDGER, "tests.simulation", {WalletCharge: self.wallet_charge}),
        }

    async def top_up_received(self, top_ups: Sequence[TopUpReceived], db: Any) -> list[Said]:
        """Credit; some wait for others, are refused, find a bug, or end the worker."""
        ids = [one.top_up_id for one in top_ups]
        for one in top_ups:
            self._run_into_bugs(one, ids, db)
        awaited = [one.gateway_reference for one in top_ups if one.gateway == "waits"]
        there = set(await db.fetch(_FIND_CREDITED, awaited)) if awaited else set()
        answers: list[Said] = []
        booked: list[TopUpReceived] = []
        for one in top_ups:
            if one.gateway == "refused":
                answers.append(Refused(one, "refused", "as its kind is"))
            elif one.gateway == "never" or (
                one.gateway == "waits" and one.gateway_reference not in there
            ):
                answers.append(NotYet(one, f"{one.gateway_reference} is not known"))
            else:
                booked.append(one)
        await _credit(db, [(one.top_up_id, one.account_id, one.amount) for one in booked])
        return [*answers, *(said for one in booked for said in _said(one))]

    def _run_into_bugs(self, one: TopUpReceived, ids: Sequence[str], db: Any) -> None:
        kills = one.gateway == "poison" or (
            one.gateway == "shaky" and self._killed[one.top_up_id] < _SHAKY_KILLS
        )
        if kills:
            self._killed[one.top_up_id] += 1
            self._witness.note("killed by", db.process.name, one.top_up_id)
            self._witness.killed_by(TILL, one.top_up_id, ids)
            db.process.die()
            db.process.breathe()
        if one.gateway == "raises" or (
            one.gateway == "flaky" and one.envelope.attempt < _FLAKY_RAISES
        ):
            raise ZeroDivisionError(one.top_up_id)

    async def wallet_charge(self, charges: Sequence[WalletCharge], db: Any) -> list[Said]:
        """Book what the first service has booked."""
        await _credit(db, [(one.envelope.id, one.account_id, one.amount) for one in charges])
        return []


async def _credit(db: Any, bookings: Sequence[tuple[str, str, int]]) -> None:
    if bookings:
        ids, accounts, amounts = zip(*bookings, strict=True)
        await db.execute(_CREDIT, ids, accounts, amounts)


def _said(one: TopUpReceived) -> list[Said]:
    charge = WalletCharge(
        charge_id=one.top_up_id,
        account_id=one.account_id,
        wallet="credit",
        amount=one.amount,
        reason="top_up",
    ).because(one)
    if one.amount % 5 == 0:
        return [Later(charge, timedelta(seconds=2))]
    if one.amount % 7 == 0:  # nobody listens to this one
        notice = NotificationRequested(account_id=one.account_id, template="credited")
        return [charge, notice.because(one)]
    return [charge]
