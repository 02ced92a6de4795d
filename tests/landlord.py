"""One pair of servers for a whole run of the tests, started when the first test asks for it.

The process that starts the run owns the servers; the workers of pytest-xdist ask it over a socket.
"""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Client, Listener
from threading import Lock, Thread
from typing import Final

from tests.servers import Servers, ServersMissing, servers

_ASK: Final = "ask"
_STOP: Final = "stop"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a landlord is asked, and the secret by which it knows that it may answer."""

    socket: str
    secret: bytes


class Landlord:
    """Owns the servers of a run. They are shared: no test stops them."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self._running: Servers | None = None
        self._starting = Lock()
        self._address: Address | None = None

    def servers(self) -> Servers:
        """The servers of this run.

        Raises:
            ServersMissing, RuntimeError: if they can't be started.
        """
        with self._starting:
            if self._running is None:
                running = self._ending.enter_context(servers())
                self._running = replace(running, broker=None, postgres=None)
            return self._running

    def address(self) -> Address:
        """Where other processes may ask, from now on."""
        if self._address is None:
            secret = secrets.token_bytes()
            listener = self._ending.enter_context(Listener(family="AF_UNIX", authkey=secret))
            self._address = Address(str(listener.address), secret)
            answering = Thread(target=self._answer, args=(listener,))
            answering.start()
            self._ending.callback(self._stop_answering, answering, self._address)
        return self._address

    def _answer(self, listener: Listener) -> None:
        while True:
            with listener.accept() as asking:
                if asking.recv() == _STOP:
                    return
                try:
                    asking.send(self.servers())
                except (ServersMissing, RuntimeError) as error:
                    asking.send(error)

    def _stop_answering(self, answering: Thread, address: Address) -> None:
        with Client(address.socket, family="AF_UNIX", authkey=address.secret) as asking:
            asking.send(_STOP)
        answering.join()

    def close(self) -> None:
        """End what was started."""
        self._ending.close()


def ask(address: Address) -> Servers:
    """The servers of the run, from another process.

    Raises:
        ServersMissing, RuntimeError: if they can't be started.
    """
    with Client(address.socket, family="AF_UNIX", authkey=address.secret) as asking:
        asking.send(_ASK)
        answer = asking.recv()
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, Servers)
    return answer
