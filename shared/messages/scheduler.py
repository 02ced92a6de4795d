"""The ticks. Only the scheduler reads a clock."""

from typing import ClassVar

from shared.messages.model import Message, Period

_SOURCE = "/cloudtill/scheduler"


class TickMinute(Message):
    """The envelope's time is the tick: expiry, releases, time limits."""

    type: ClassVar[str] = "tick.minute"
    source: ClassVar[str] = _SOURCE


class TickDay(Message):
    """The envelope's time is the tick: holds, automatic payment, notices."""

    type: ClassVar[str] = "tick.day"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False


class TickMonth(Message):
    """Aggregate that billing month."""

    type: ClassVar[str] = "tick.month"
    source: ClassVar[str] = _SOURCE

    period: Period
