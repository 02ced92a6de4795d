"""What may happen to a resource, and what then is so: pure rules (domain 5, 7, 10)."""
