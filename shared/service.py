"""What a worker is: a name, which is its queue, schema and role, and the table of its handlers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shared.concluding import LETTER_HANDLERS
from shared.database import Connection
from shared.messages import Message, Said

Handler: TypeAlias = Callable[[Sequence[Any], Connection], Awaitable[Sequence[Said]]]
"""Takes all messages of its type, or its types, in a group; answers with what is to be said."""

Handlers: TypeAlias = Mapping[type[Message], Handler]


@dataclass(frozen=True, slots=True)
class Service:
    """One deployable worker.

    `handlers` are called in the order in which they stand: what others refer to comes first. Those
    of dead letters are the same for all, and added here.
    Besides its own messages it says those of others that stand in `also_says`.
    """

    name: str
    package: str
    handlers: Handlers
    also_says: tuple[type[Message], ...] = ()

    def __post_init__(self) -> None:
        if self.handlers:
            object.__setattr__(self, "handlers", {**self.handlers, **LETTER_HANDLERS})
