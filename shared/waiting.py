"""How long a message may wait for what it refers to, before that counts as unknown."""

from shared.messages import Message
from shared.settings import settings


def may_wait(message: Message) -> bool:
    """Whether a message, put off so far, may be put off once more for an unknown reference.

    The account or product it names may only be on its way: queues keep no order between messages.
    """
    waited_s = sum(settings().retry_delays_s[: message.envelope.attempt])
    return waited_s < settings().reference_wait_s
