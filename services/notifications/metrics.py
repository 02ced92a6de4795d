"""What is counted of mails, for /metrics."""

from prometheus_client import Counter

MAILS = Counter(
    "cloudtill_mails_total", "Mails that were given to the mail server", ["template", "outcome"]
)
