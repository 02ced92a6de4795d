"""What is counted of mails, for /metrics."""

from prometheus_client import Counter

MAILS = Counter(
    "cloudtill_mails_total",
    "Mails that the mail server took or not, and that were muted",
    ["template", "outcome"],
)
