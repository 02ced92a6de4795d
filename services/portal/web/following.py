"""Following what happens: server-sent events, by which HTMX fetches parts of a page anew.

A page says where it begins (`after`), so that nothing between its rendering and its listening is
missed; a browser that connects again says what it saw last.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.responses import Response
from starlette.routing import Route

from services.portal.store import events
from services.portal.store.events import News
from services.portal.web.visits import Visit, for_customers
from shared.database import connection

_PING_S: Final = 15
_AREAS: Final = {
    "account": ("account",),
    "order": ("orders",),
    "payment": ("orders", "payments"),
    "gateway": ("payments",),
    "top_up": ("payments",),
    "provisioning": ("orders", "resources"),
    "resource": ("orders", "resources"),
    "refund": ("orders",),
    "wallet": ("wallet",),
    "invoice": ("invoices",),
    "notification": ("notices",),
    "poc": ("wallet",),
    "dead_letter": ("letters",),
    "invoice_run": ("runs",),
}
"""The parts of pages that an event changes, by the first word of its type."""


def areas_of(types: Iterable[str]) -> list[str]:
    """The parts of pages that events change; `any` is whatever follows everything."""
    found = {area for type_ in types for area in _AREAS.get(type_.partition(".")[0], ())}
    return sorted(found | {"any"})


async def follow(visit: Visit) -> Response:
    """Tell a page which of its parts are to be fetched anew, as things happen."""
    last = visit.request.headers.get("last-event-id") or visit.asked("after", "0")
    after = int(last) if last.isdecimal() and len(last) < 19 else 0
    return followed(visit, visit.mine.account_id, after)


def followed(visit: Visit, account_id: str, after: int) -> Response:
    """The stream of an account's news; the guard before it has let its reader in."""
    return EventSourceResponse(
        _told(visit, account_id, after),
        ping=_PING_S,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _told(visit: Visit, account_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    async with visit.portal.feed.listening(account_id) as queue:
        async with connection(visit.portal.connections) as db:
            missed = await events.find_types_after(db, account_id, after)
        for told in _events(missed):
            yield told
        while (news := await queue.get()) is not None:
            together = [news]
            while not queue.empty():
                if (more := queue.get_nowait()) is None:
                    return
                together.append(more)
            for told in _events(together):
                yield told


def _events(news: list[News]) -> list[ServerSentEvent]:
    if not news:
        return []
    position = str(max(one.position for one in news))
    areas = areas_of(one.type for one in news)
    return [ServerSentEvent(data="", event=area, id=position) for area in areas]


ROUTES = [Route("/accounts/{account_id}/follow", for_customers(follow))]
