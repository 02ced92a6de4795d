"""What is counted of gateways, for /metrics."""

from prometheus_client import Counter

CALLBACKS = Counter(
    "cloudtill_gateway_callbacks_total", "What gateways told by themselves", ["gateway", "verdict"]
)
CALLS = Counter(
    "cloudtill_gateway_calls_total", "What gateways were asked", ["gateway", "kind", "outcome"]
)
