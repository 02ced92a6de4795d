"""The envelope of contract.md: a CloudEvents 1.0 event in structured JSON mode."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from json.encoder import encode_basestring as quoted


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
        time = self.time.isoformat()
        if time.endswith("+00:00"):
            time = f"{time[:-6]}Z"
        head = (
            f'{{"specversion":"1.0","id":{quoted(self.id)},"source":{quoted(self.source)},'
            f'"type":{quoted(self.type)},"time":"{time}","datacontenttype":"application/json"'
        )
        if self.subject is not None:
            head += f',"subject":{quoted(self.subject)}'
        if self.correlation_id is not None:
            head += f',"correlationid":{quoted(self.correlation_id)}'
        if self.causation_id is not None:
            head += f',"causationid":{quoted(self.causation_id)}'
        if self.traceparent is not None:
            head += f',"traceparent":{quoted(self.traceparent)}'
        return b'%s,"data":%s}' % (head.encode(), data)
