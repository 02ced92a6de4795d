"""What a worker counts, for /metrics. Every figure is by service."""

from functools import cache
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("cloudtill_messages_handled_total", "Messages handled", ["service", "type"])
DUPLICATES = Counter(
    "cloudtill_messages_duplicate_total", "Messages dropped by the inbox", ["service"]
)
PUT_OFF = Counter(
    "cloudtill_messages_put_off_total", "Messages put on the ladder of retries", ["service"]
)
PUT_AWAY = Counter(
    "cloudtill_messages_dead_total", "Messages that became dead letters", ["service", "reason"]
)
PUBLISHED = Counter(
    "cloudtill_messages_published_total", "Messages the broker confirmed", ["service"]
)
TROUBLE = Counter(
    "cloudtill_groups_repeated_total", "Groups repeated after transient trouble", ["service"]
)
GROUP_SIZE = Histogram(
    "cloudtill_group_messages",
    "Messages in one transaction",
    ["service"],
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000),
)
GROUP_TIME = Histogram(
    "cloudtill_group_seconds",
    "Time of one transaction",
    ["service"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
PHASE_TIME = Histogram(
    "cloudtill_phase_seconds",
    "Time of one transaction by what it was spent on",
    ["service", "phase"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
OUTBOX = Gauge("cloudtill_outbox_messages", "Messages in the outbox", ["service"])
OUTBOX_LATE = Gauge(
    "cloudtill_outbox_late_seconds", "How long the oldest message is overdue", ["service"]
)
DEAD_LETTERS = Gauge(
    "cloudtill_dead_letters", "Dead letters that wait for an operator", ["service"]
)


@cache
def _phase_time(service: str, phase: str) -> Histogram:
    return PHASE_TIME.labels(service, phase)


class Phases:
    """A stopwatch for one transaction."""

    __slots__ = ("_service", "_since")

    def __init__(self, service: str) -> None:
        self._service = service
        self._since = perf_counter()

    def ended(self, phase: str) -> None:
        """Note that everything since the last phase was spent on this one."""
        now = perf_counter()
        _phase_time(self._service, phase).observe(now - self._since)
        self._since = now
