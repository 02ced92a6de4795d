"""Publishes the ticks: the only place that reads a clock."""
