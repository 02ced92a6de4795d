"""Endpoints: how an account comes to be told of what happens, by its pages or the API."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.portal.domain.webhooks import PUBLIC_TYPES
from services.portal.store import webhooks as store
from services.portal.store.webhooks import Endpoint
from services.portal.webhooks.addresses import AddressRefused, checked_url
from services.portal.webhooks.signing import new_secret
from shared.database import Connection

ENDPOINTS_AT_MOST: Final = 10
BOTH_SECRETS_S: Final = 24 * 3_600
"""How long the secret before signs too: receivers change over without a pause."""


class EndpointRefused(Exception):
    """No such endpoint can be: a stable code, what is wrong, and in which field."""

    def __init__(self, code: str, detail: str, field: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.field = field


@dataclass(frozen=True, slots=True)
class Wish:
    """What an endpoint is to be. No types are all of them."""

    url: str
    description: str
    event_types: tuple[str, ...]


async def add_endpoint(
    db: Connection,
    account_id: str,
    endpoint_id: str,
    wish: Wish,
    *,
    created_by: str,
    at: datetime,
    anywhere: bool,
) -> str:
    """Have an account told there from now on.

    Returns:
        What signs its webhooks, to be shown this once.

    Raises:
        EndpointRefused: `url_refused`, `unknown_event_type`, `too_many_endpoints`.
    """
    url = url_of(wish.url, anywhere=anywhere)
    must_be_public(wish.event_types)
    if await store.count_endpoints(db, account_id) >= ENDPOINTS_AT_MOST:
        detail = f"at most {ENDPOINTS_AT_MOST} of an account"
        raise EndpointRefused("too_many_endpoints", detail, "url")
    secret = new_secret()
    new = await store.append_endpoint(
        db,
        Endpoint(
            account_id=account_id,
            endpoint_id=endpoint_id,
            url=url,
            description=wish.description,
            event_types=wish.event_types,
            secret=secret,
            created_by=created_by,
            created_at=at,
        ),
    )
    if not new:
        raise EndpointRefused("exists_already", "this was done before", "url")
    return secret


def url_of(url: str, *, anywhere: bool) -> str:
    """
    Raises:
        EndpointRefused: `url_refused`.
    """
    try:
        return checked_url(url, anywhere=anywhere)
    except AddressRefused as error:
        raise EndpointRefused("url_refused", str(error), "url") from None


def must_be_public(types: Collection[str]) -> None:
    """
    Raises:
        EndpointRefused: `unknown_event_type`.
    """
    if unknown := sorted(set(types) - set(PUBLIC_TYPES)):
        detail = f"not told outside: {', '.join(unknown)[:500]}"
        raise EndpointRefused("unknown_event_type", detail, "event_types")
