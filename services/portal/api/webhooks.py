"""Webhooks through the API: endpoints, their secrets, the log, and sending again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from services.portal.api.bodies import DeliveryQuery, EndpointChange, EndpointRequest
from services.portal.api.calls import Call, Outcome
from services.portal.api.cursors import place_of
from services.portal.api.models import (
    Accepted,
    AttemptShown,
    DeliveryInFull,
    DeliveryShown,
    Endpoints,
    EndpointShown,
    PageOf,
    Secret,
    shown,
)
from services.portal.api.problems import Flaw, Refusal, not_there
from services.portal.api.reading import page_of
from services.portal.store import webhooks as store
from services.portal.webhooks import endpoints
from services.portal.webhooks.endpoints import EndpointRefused, Wish
from services.portal.webhooks.signing import new_secret
from shared.database import Connection, Row


async def list_endpoints(call: Call) -> Endpoints:
    """Where the account is told of what happens."""
    async with call.reading() as db:
        rows = await store.find_endpoints(db, call.account_id)
    return Endpoints(items=tuple(shown(EndpointShown, row) for row in rows))


async def get_endpoint(call: Call) -> EndpointShown:
    """An endpoint, and whether something gets through to it."""
    async with call.reading() as db:
        return shown(EndpointShown, await _endpoint(call, db))


async def add_endpoint(call: Call, db: Connection) -> Outcome:
    """Be told of what happens from now on, by webhooks. The answer has what signs them."""
    sent, endpoint_id = call.sent(EndpointRequest), call.new_id("we")
    with _refusing():
        secret = await endpoints.add_endpoint(
            db,
            call.account_id,
            endpoint_id,
            Wish(sent.url, sent.description, sent.event_types),
            created_by=call.actor.subject,
            at=call.at,
            anywhere=call.portal.settings.webhooks_anywhere,
        )
    await call.note(db, "webhook_add", {"endpoint_id": endpoint_id, "url": sent.url})
    path = call.path(f"/webhook-endpoints/{endpoint_id}")
    return Outcome(Secret(endpoint_id=endpoint_id, secret=secret, url=path), location=path)


async def change_endpoint(call: Call, db: Connection) -> Outcome:
    """Change where, or of what, the account is told; or send nothing there, or again."""
    sent = call.sent(EndpointChange)
    endpoint_id = call.named("endpoint_id")
    anywhere = call.portal.settings.webhooks_anywhere
    with _refusing():
        endpoints.must_be_public(sent.event_types or ())
        url = None if sent.url is None else endpoints.url_of(sent.url, anywhere=anywhere)
    there = await store.save_endpoint(
        db,
        call.account_id,
        endpoint_id,
        url=url,
        description=sent.description,
        event_types=sent.event_types,
    )
    if not there:
        raise not_there("endpoint")
    if sent.enabled is True:
        await store.enable_endpoint(db, call.account_id, endpoint_id)
    elif sent.enabled is False:
        await store.disable_endpoint(db, call.account_id, endpoint_id, "owner")
    changed = sent.model_dump(mode="json", exclude_none=True)
    await call.note(db, "webhook_change", {"endpoint_id": endpoint_id, **changed})
    return Outcome(shown(EndpointShown, await _endpoint(call, db)))


async def remove_endpoint(call: Call, db: Connection) -> Outcome:
    """Be told nothing there any more. What was sent there is forgotten with it."""
    endpoint_id = call.named("endpoint_id")
    if not await store.remove_endpoint(db, call.account_id, endpoint_id):
        raise not_there("endpoint")
    await call.note(db, "webhook_remove", {"endpoint_id": endpoint_id})
    return Outcome(Accepted(id=endpoint_id, url=call.path("/webhook-endpoints")))


async def change_secret(call: Call, db: Connection) -> Outcome:
    """Sign with another secret from now on; for 24 hours the one before signs too."""
    endpoint_id, secret = call.named("endpoint_id"), new_secret()
    if not await store.save_secret(
        db, call.account_id, endpoint_id, secret, endpoints.BOTH_SECRETS_S
    ):
        raise not_there("endpoint")
    await call.note(db, "webhook_secret", {"endpoint_id": endpoint_id})
    path = call.path(f"/webhook-endpoints/{endpoint_id}")
    return Outcome(Secret(endpoint_id=endpoint_id, secret=secret, url=path), location=path)


async def list_deliveries(call: Call) -> PageOf[DeliveryShown]:
    """What was sent to an endpoint, the latest first; what is older than 30 days is forgotten."""
    query = call.asked(DeliveryQuery)
    async with call.reading() as db:
        await _endpoint(call, db)
        rows = await store.list_deliveries(
            db,
            call.account_id,
            call.named("endpoint_id"),
            query.state,
            query.type,
            *place_of(query.cursor, (datetime, str)),
            query.limit + 1,
        )
    columns = ("created_at", "event_id")
    return page_of(rows, query, columns, lambda row: shown(DeliveryShown, row))


async def get_delivery(call: Call) -> DeliveryInFull:
    """An event that goes to an endpoint: its body, and what came of each try."""
    ids = (call.account_id, call.named("endpoint_id"), call.named("event_id"))
    async with call.reading() as db:
        row = await store.find_delivery(db, *ids)
        if row is None:
            raise not_there("delivery")
        tries = await store.find_attempts(db, *ids)
    return shown(DeliveryInFull, row, tries=[shown(AttemptShown, one) for one in tries])


async def deliver_again(call: Call, db: Connection) -> Outcome:
    """Send an event to an endpoint once more, whatever came of it before; its id is the same."""
    endpoint_id, event_id = call.named("endpoint_id"), call.named("event_id")
    if await store.find_delivery(db, call.account_id, endpoint_id, event_id) is None:
        raise not_there("delivery")
    give_up_s = call.portal.settings.webhook_give_up_s
    if not await store.deliver_again(db, call.account_id, endpoint_id, event_id, give_up_s):
        raise Refusal(409, "endpoint_disabled", "nothing is sent there now")
    await call.note(db, "webhook_again", {"endpoint_id": endpoint_id, "event_id": event_id})
    path = call.path(f"/webhook-endpoints/{endpoint_id}/deliveries/{event_id}")
    return Outcome(Accepted(id=event_id, url=path), location=path)


async def _endpoint(call: Call, db: Connection) -> Row:
    row = await store.find_endpoint(db, call.account_id, call.named("endpoint_id"))
    if row is None:
        raise not_there("endpoint")
    return row


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except EndpointRefused as error:
        flaw = Flaw(pointer=f"/{error.field}", detail=error.detail)
        raise Refusal(422, error.code, error.detail, errors=[flaw]) from None
