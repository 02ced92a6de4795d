"""What is counted of the portal, for /metrics."""

from prometheus_client import Counter

CALLS = Counter(
    "cloudtill_api_calls_total", "What programs asked, and how it was answered", ["call", "status"]
)
WEBHOOKS = Counter(
    "cloudtill_webhooks_total", "Tries to send a webhook, and what came of them", ["outcome"]
)
