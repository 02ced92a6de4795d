"""What everything that runs until it is told to stop has in common."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import structlog

from shared.database import TRANSIENT, PassingTrouble, connect, is_transient, not_for_ever
from shared.migrations import migrations_of, pending
from shared.service import Service

log = structlog.get_logger()

_LOOK_AGAIN_S: Final = 2
_CANCEL_AGAIN_S: Final = 1
E = TypeVar("E")


async def until_migrated(service: Service, url: str, stopping: asyncio.Event) -> bool:
    """Wait until the database has this release's schema; a worker never migrates.

    Returns:
        False if it is to stop before that.
    """
    while not stopping.is_set():
        try:
            missing = await _missing(service, url)
            if not missing:
                return True
            log.warning("waiting for `cloudtill migrate`", service=service.name, missing=missing)
        except TRANSIENT as error:
            log.warning("waiting for Postgres", service=service.name, error=repr(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_AGAIN_S)
    return False


async def _missing(service: Service, url: str) -> list[str]:
    """The migrations that a service lacks.

    Raises:
        one of TRANSIENT: also where the connection breaks in the middle.
    """
    db = await connect(url)
    with not_for_ever(db):
        try:
            return await pending(db, service.name, migrations_of(service.package))
        except Exception as error:
            if is_transient(error, db):
                raise PassingTrouble(repr(error)) from error
            raise
        finally:
            with suppress(Exception):  # one that broke can't be closed any better
                await db.close()


async def again_and_again(every_s: float, act: Callable[[], Awaitable[None]]) -> None:
    """Do something every so many seconds, until cancelled; without Postgres, the next time."""
    while True:
        with suppress(PassingTrouble):
            await act()
        await asyncio.sleep(every_s)


async def do_errands(
    claim: Callable[[], Awaitable[Sequence[E]]],
    do: Callable[[E], Awaitable[None]],
    stopping: asyncio.Event,
    *,
    at_once: int,
    poll_s: float,
) -> None:
    """Do what is to be done outside of any transaction, until stopped.

    Args:
        claim: takes errands that are due, `at_once` at most; where Postgres is away, later.
        do: does one, and lets none of its own trouble out.
        stopping: what is in hand is finished first.
        at_once: how many are done at the same time.
        poll_s: how often to look where there were fewer.
    """
    while not stopping.is_set():
        claimed: Sequence[E] = ()
        with suppress(PassingTrouble):
            claimed = await claim()
        await asyncio.gather(*map(do, claimed))
        if len(claimed) < at_once:
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), poll_s)


@asynccontextmanager
async def beside(*tasks: Awaitable[None]) -> AsyncIterator[None]:
    """Run tasks beside the body; one that ends with an error ends the body too."""
    body = asyncio.current_task()
    assert body is not None
    failed: list[BaseException] = []
    leaving = False

    def ended(task: asyncio.Future[None]) -> None:
        if leaving:
            return
        error = RuntimeError("a task was cancelled") if task.cancelled() else task.exception()
        if error:
            failed.append(error)
            body.cancel()

    running = [asyncio.ensure_future(task) for task in tasks]
    for task in running:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failed:
            raise failed[0] from None
        raise
    finally:
        leaving = True
        while not all(task.done() for task in running):
            # Again: `asyncio.wait_for` loses a cancellation that comes with what it waits for.
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
        await asyncio.gather(*running, return_exceptions=True)


def log_where_all_waits() -> None:
    """Log where each task of this process waits, for a worker that stands still."""
    for task in asyncio.all_tasks():
        log.info("task waits", task=task.get_name(), at=list(_waits_at(task.get_coro())))


def _waits_at(awaited: object) -> Iterator[str]:
    """The lines at which a coroutine waits, the innermost last: a task's stack shows the first."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def collect_seldom() -> None:
    """Spare a worker's process looking through all that it has loaded, which stays, many times a
    second: a group of messages leaves few circles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
