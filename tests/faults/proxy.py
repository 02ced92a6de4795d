"""A proxy between workers and a server, that treats their connections as a bad network would.

It knows no protocol: what it delays, cuts and swallows are bytes, so a cut comes in the middle of a
frame of either protocol. It runs on a thread of its own, so that a busy test does not slow it down.
"""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_CHUNK: Final = 65_536
_CONNECT_S: Final = 10


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does now.

    Attributes:
        delay_s: how long every chunk is held back.
        swallows_requests: nothing reaches the server, and no connection ends.
        swallows_answers: nothing comes back from the server.
        cuts_after: of how many bytes, in either direction, a new connection is cut; None: never.
    """

    delay_s: float = 0
    swallows_requests: bool = False
    swallows_answers: bool = False
    cuts_after: int | None = None

    def swallows(self, *, request: bool) -> bool:
        """Whether bytes of this direction are swallowed."""
        return self.swallows_requests if request else self.swallows_answers


FAIR: Final = Weather()


class Proxy:
    """Passes connections on to one server."""

    def __init__(self, target_url: str, seed: int) -> None:
        target = urlsplit(target_url)
        self._target_url = target_url
        self._host, self._port = target.hostname or "127.0.0.1", target.port or 0
        self._random = random.Random(seed)
        self._weather = FAIR
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._own_port = 0
        self.cuts = 0
        """Connections that were cut, so far."""

    @property
    def url(self) -> str:
        """Where clients find the server behind the proxy."""
        target = urlsplit(self._target_url)
        login, at, _ = target.netloc.rpartition("@")
        return target._replace(netloc=f"{login}{at}127.0.0.1:{self._own_port}").geturl()

    def set_weather(self, weather: Weather) -> None:
        """Change what the network does from now on."""
        self._weather = weather

    def cut(self) -> int:
        """Cut every connection within its next bytes, in either direction; returns how many."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    async def _cut(self) -> int:
        links = len(self._links)
        for link in self._links:
            link.cut_after = self._random.randrange(40)
        self.cuts += links
        return links

    def drop(self) -> int:
        """End every connection at once, as if the other end had gone; returns how many."""
        return asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result()

    async def _drop(self) -> int:
        links = list(self._links)
        for link in links:
            link.end()
        self.cuts += len(links)
        return len(links)

    def set_lost(self) -> None:
        """Let every present connection stay open and carry nothing any more, in any weather."""
        asyncio.run_coroutine_threadsafe(self._lose(), self._loop).result()

    async def _lose(self) -> None:
        for link in self._links:
            link.is_lost = True

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                server = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), server)
        self._links.add(link)
        try:
            await link.pass_on()
        finally:
            self._links.discard(link)

    def weather(self) -> Weather:
        """What the network does now."""
        return self._weather

    async def _serve(self, ready: threading.Event, stopping: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", self._own_port)
        self._own_port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopping.wait()
        server.close()
        await self._drop()
        await server.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    @contextmanager
    def serving(self) -> Iterator["Proxy"]:
        """Pass on while the body runs."""
        ready = threading.Event()
        stopping = asyncio.Event()

        def serve() -> None:
            self._loop.run_until_complete(self._serve(ready, stopping))
            self._loop.close()

        thread = threading.Thread(target=serve, name=f"proxy to {self._port}")
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(stopping.set)
            thread.join()


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(
        self,
        proxy: Proxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self.cut_after = proxy.weather().cuts_after
        """How many more bytes pass before it is cut; None: it is not to be cut."""
        self.is_lost = False

    def end(self) -> None:
        """End both halves without a word."""
        for _, writer in (self._client, self._server):
            writer.transport.abort()

    async def pass_on(self) -> None:
        """Pass bytes on in both directions until either ends."""
        (client_reads, client_writes), (server_reads, server_writes) = self._client, self._server
        directions = {
            asyncio.ensure_future(self._one_way(client_reads, server_writes, request=True)),
            asyncio.ensure_future(self._one_way(server_reads, client_writes, request=False)),
        }
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self.end()

    async def _one_way(
        self, reads: asyncio.StreamReader, writes: asyncio.StreamWriter, *, request: bool
    ) -> None:
        try:
            while chunk := await reads.read(_CHUNK):
                weather = self._proxy.weather()
                if weather.delay_s:
                    await asyncio.sleep(weather.delay_s)
                if self.is_lost or weather.swallows(request=request):
                    continue
                if self.cut_after is not None:
                    chunk, self.cut_after = chunk[: self.cut_after], self.cut_after - len(chunk)
                    writes.write(chunk)
                    if self.cut_after < 0:
                        await writes.drain()
                        return
                    continue
                writes.write(chunk)
                await writes.drain()
            writes.close()  # what was written before still arrives
            await writes.wait_closed()
        except OSError:
            pass
