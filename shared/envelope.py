"""The envelope of contract.md: a CloudEvents 1.0 event in structured JSON mode."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a message besides its data.

    `time` is business time. `source` + `id` name the message once and for all. `attempt` counts
    how often handling it was put off or failed; it travels in a header of AMQP.
    """

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    attempt: int = 0

    def caused(
        self, *, source: str, type: str, key: str, at: datetime | None, subject: str | None
    ) -> "Envelope":
        """The envelope of a message caused by this one; its id is derived, so that handling again
        says the same again."""
        return Envelope(
            id=self.derived_id(type, key),
            source=source,
            type=type,
            time=at or self.time,
            subject=subject or self.subject,
            correlation_id=self.correlation_id or self.id,
            causation_id=self.id,
            traceparent=self.traceparent,
        )

    def derived_id(self, type: str, key: str = "") -> str:
        """The id of what this message causes: the same each time it is handled."""
        said = f"{self.source}\n{self.id}\n{type}\n{key}"
        return blake2b(said.encode(), digest_size=16).hexdigest()

    def around(self, data: bytes) -> bytes:
        """The whole event as JSON, `data` being JSON already."""
        head: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
        }
        optional = {
            "subject": self.subject,
            "correlationid": self.correlation_id,
            "causationid": self.causation_id,
            "traceparent": self.traceparent,
        }
        head.update((name, value) for name, value in optional.items() if value is not None)
        return b'%s,"data":%s}' % (json.dumps(head, ensure_ascii=False)[:-1].encode(), data)
