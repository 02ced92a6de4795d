"""What runs beside a worker ends with it."""

import asyncio
from contextlib import suppress

from shared.lifetime import beside


async def test_what_loses_a_cancellation_ends_all_the_same() -> None:
    lost = asyncio.Event()

    async def loses_the_first() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(30), beside(loses_the_first()):
        await asyncio.sleep(0)
    assert lost.is_set()
