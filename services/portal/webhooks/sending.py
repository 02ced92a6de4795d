"""Sending a webhook: one POST, to where it may go, within its time; redirects are not followed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

import httpcore
import httpx

from services.portal.store.webhooks import Errand, Tried
from services.portal.webhooks.addresses import AddressRefused, PublicOnly
from services.portal.webhooks.signing import signed_headers

_EXCERPT: Final = 1_000
"""Bytes of an answer that are kept for the log."""
_CONNECTIONS: Final = 50


class Sender:
    """Sends webhooks."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, answer_s: float) -> None:
        self._pool = pool
        self._answer_s = answer_s
        self._agent = f"cloudtill/{version('cloudtill')}"

    async def send(self, errand: Errand) -> Tried:
        """Send a webhook once, and say what came of it."""
        began = time.monotonic()

        def took() -> int:
            return int((time.monotonic() - began) * 1_000)

        body = errand.body.encode()
        headers: list[tuple[bytes | str, bytes | str]] = [
            ("content-type", "application/cloudevents+json; charset=utf-8"),
            ("user-agent", self._agent),
        ]
        signed = signed_headers(errand.event_id, int(time.time()), body, errand.secrets)
        headers += signed.items()
        try:
            async with asyncio.timeout(self._answer_s):
                async with self._pool.stream(
                    "POST", errand.url, headers=headers, content=body
                ) as response:
                    answer = await _excerpt(response)
        except AddressRefused as error:
            return Tried(took(), error=f"refused: {error}")
        except TimeoutError:
            return Tried(took(), error=f"no answer within {self._answer_s:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            return Tried(took(), error=f"{type(error).__name__}: {error}"[:500])
        return Tried(took(), status=response.status, answer=answer)


async def _excerpt(response: httpcore.Response) -> str:
    content = bytearray()
    async for chunk in response.aiter_stream():
        content += chunk
        if len(content) >= _EXCERPT:
            break
    return content[:_EXCERPT].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


@asynccontextmanager
async def sender(*, answer_s: float, anywhere: bool) -> AsyncIterator[Sender]:
    """A sender, while the body runs.

    Args:
        answer_s: how long a receiver may take in all.
        anywhere: whether it may be inside.
    """
    async with httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(),
        max_connections=_CONNECTIONS,
        max_keepalive_connections=_CONNECTIONS,
        keepalive_expiry=5,
        network_backend=PublicOnly(anywhere=anywhere),
    ) as connections:
        yield Sender(connections, answer_s)
