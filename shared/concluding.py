"""What every service obeys about its dead letters: replay them, or discard them.

The commands are handled like any other, in the transaction of their group, so that each is obeyed
once; a letter is held while it is concluded, so that two who decide differ only in who came first.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from shared.database import Connection
from shared.dead_letters import Decision, discard, get_service, replay
from shared.messages import Message, Refused, Said
from shared.messages.dead_letters import (
    DeadLetterDiscardRequested,
    DeadLetterNotWaiting,
    DeadLetterReplayRequested,
)


async def letters_decided(
    requests: Sequence[DeadLetterReplayRequested | DeadLetterDiscardRequested], db: Connection
) -> list[Said]:
    """Replay or discard letters that wait, and say which did not. What was done is told with it."""
    own = await get_service(db)
    said: list[Said] = []
    for request in sorted(requests, key=lambda one: (one.time, one.envelope.id)):
        if request.service != own:
            detail = f"{request.service}'s dead letters do not lie with {own}"
            said.append(Refused(request, "other_service", detail))
            continue
        act = replay if isinstance(request, DeadLetterReplayRequested) else discard
        numbers = sorted(set(request.numbers))
        decision = Decision(request.requested_by, request.reason, request)
        done = set(await act(db, own, numbers, decision))
        said += (
            DeadLetterNotWaiting(service=own, number=number).because(request, key=str(number))
            for number in numbers
            if number not in done
        )
    return said


LETTER_HANDLERS: Final[
    Mapping[type[Message], Callable[[Sequence[Any], Connection], Awaitable[Sequence[Said]]]]
] = {
    DeadLetterReplayRequested: letters_decided,
    DeadLetterDiscardRequested: letters_decided,
}
