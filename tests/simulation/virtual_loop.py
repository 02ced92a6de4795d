"""An event loop whose time passes only when nothing else is to be done."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from itertools import count
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Task(asyncio.Task[Any]):
    """A task that has the same place in a set whenever the program runs."""

    _numbers = count(1)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*arguments, **named)

    def __hash__(self) -> int:
        return self._number


class VirtualHandle:
    """A call that is to be made; like asyncio's own, but with little to it."""

    __slots__ = ("arguments", "call", "context", "due")

    def __init__(
        self,
        call: Callable[..., object] | None,
        arguments: tuple[Any, ...],
        context: Context | None,
        due: float,
    ) -> None:
        self.call = call
        self.arguments = arguments
        self.context = context
        self.due = due

    def cancel(self) -> None:
        self.call = None
        self.arguments = ()

    def cancelled(self) -> bool:
        return self.call is None

    def when(self) -> float:
        return self.due


class VirtualLoop:
    """Runs one call after another, in the order asked for, and then goes on to the next time.

    It has what asyncio's tasks, futures, locks and timeouts ask of an `AbstractEventLoop`, and
    nothing that reaches out of the process.

    Attributes:
        steps: how many calls were made: how often one of the coroutines went on, or something
            reached a server or came back from it.
        now: virtual seconds since the start.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.now = 0.0
        self.errors: list[dict[str, Any]] = []
        self._ready: deque[VirtualHandle] = deque()
        self._timers: list[tuple[float, int, VirtualHandle]] = []
        self._order = count()

    @property
    def for_asyncio(self) -> asyncio.AbstractEventLoop:
        """This loop, as asyncio's types would have it."""
        return cast(asyncio.AbstractEventLoop, self)

    def advance(self) -> bool:
        """Make the next call; False if there is none."""
        ready = self._ready
        if not ready:
            timers = self._timers
            while timers and timers[0][2].call is None:
                heapq.heappop(timers)
            if not timers:
                return False
            self.now, _, due = heapq.heappop(timers)
            ready.append(due)
        handle = ready.popleft()
        call = handle.call
        if call is not None:
            self.steps += 1
            if handle.context is None:
                call(*handle.arguments)
            else:
                handle.context.run(call, *handle.arguments)
        return True

    def run_while(self, that: Callable[[], bool]) -> None:
        """Make calls while something holds and there are any."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self.for_asyncio)
        try:
            while that() and self.advance():
                pass
        finally:
            asyncio._set_running_loop(before)

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> VirtualHandle:
        handle = VirtualHandle(callback, args, context, self.now)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> VirtualHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> VirtualHandle:
        handle = VirtualHandle(callback, args, context, when)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self.for_asyncio)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        return _Task(coro, loop=self.for_asyncio, name=name, context=context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)
