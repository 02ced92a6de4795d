"""What came back to its queue, and may have ended the worker that had it in hand."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from shared import inbox, metrics
from shared.database import PassingTrouble, Pool, connection, transaction
from shared.outbox import OutboxRow
from shared.reading import Group, Received
from shared.repeating import Repeating, Unfinished


class Suspects:
    """Tries what came back: first together; what came back from that too, each alone.

    So one message that kills its worker takes its neighbours along once more at most, and a
    restart of the broker or of a worker costs little.
    """

    def __init__(
        self,
        service: str,
        connections: Pool,
        quick: Pool,
        tries: int,
        repeating: Repeating,
        conclude: Callable[[Group], Awaitable[list[OutboxRow]]],
    ) -> None:
        """
        Args:
            service: whose messages.
            connections: over which is read what was handled.
            quick: for the notes of who is suspected, which a crash of the database may lose.
            tries: how many workers may end over a message before it is put away.
            repeating: what is asked of Postgres.
            conclude: a group, and return what it says.
        """
        self._service = service
        self._connections = connections
        self._quick = quick
        self._tries = tries
        self._repeating = repeating
        self._conclude = conclude

    async def conclude(self, returned: Sequence[Received]) -> list[OutboxRow]:
        """Conclude what came back; returns what it says.

        Raises:
            Unfinished: if told to stop while Postgres can't be reached.
        """
        left = await self._repeating(lambda: self._not_remembered(returned))
        suspects = await self._repeating(lambda: self._suspected(left))
        unsuspected = [one for one in left if one.key.name not in suspects]
        said: list[OutboxRow] = []
        if unsuspected:
            await self._suspect(unsuspected)
            said += await self._tried(unsuspected)
        for one in left:
            if one.key.name in suspects:
                said += await self._repeating(partial(self._alone, one))
        return said

    async def _alone(self, one: Received) -> list[OutboxRow]:
        """Try a message that may kill its worker, while nobody tries a copy of it: who lives and
        still tries would count among those who died of it."""
        async with transaction(self._quick) as db:
            await inbox.lock_try(db, one.key)
            if not await self._repeating(lambda: self._not_remembered([one])):
                return []
            tries = await self._suspect([one])
            if tries > self._tries:
                ended = f"{tries - 1} workers ended while trying it"
                return await self._conclude(Group(letters=[one.put_away("suspected_crash", ended)]))
            return await self._tried([one])

    async def _tried(self, suspected: Sequence[Received]) -> list[OutboxRow]:
        """Try what is noted as tried, and note that the worker survived it."""
        try:
            said = await self._conclude(Group(list(suspected)))
        except Unfinished:
            with suppress(PassingTrouble):
                await self._clear(suspected)
            raise
        await self._repeating(lambda: self._clear(suspected))
        return said

    async def _suspected(self, returned: Sequence[Received]) -> set[tuple[str, str]]:
        async with connection(self._quick) as db:
            return await inbox.find_suspects(db, [one.key for one in returned])

    async def _suspect(self, tried: Sequence[Received]) -> int:
        """Note that messages are being tried, once however often that is repeated."""
        this_try = uuid.uuid4().hex

        async def note() -> int:
            async with connection(self._quick) as db:
                return max((await inbox.suspect(db, [one.key for one in tried], this_try)).values())

        return await self._repeating(note)

    async def _clear(self, tried: Sequence[Received]) -> None:
        async with connection(self._quick) as db:
            await inbox.clear_suspects(db, [one.key for one in tried])

    async def _not_remembered(self, returned: Sequence[Received]) -> list[Received]:
        """Those that were not handled before they came back. The others killed nobody."""
        async with connection(self._connections) as db:
            remembered = await inbox.find_remembered(db, [one.key for one in returned])
        known: list[Received] = []
        left: list[Received] = []
        for one in returned:
            (known if one.key.name in remembered else left).append(one)
        if known:
            metrics.DUPLICATES.labels(self._service).inc(len(known))
            await self._clear(known)
        return left
