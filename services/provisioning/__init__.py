"""Resources and their lifecycle; what product teams plug in."""
