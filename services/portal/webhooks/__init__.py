"""Webhooks out: sending what happens to an account to its own systems, and never anywhere else."""
