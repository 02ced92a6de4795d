"""What forms carry besides what is filled in."""

import secrets


def form_key() -> str:
    """A key by which a form that is sent twice is one act; opened anew, it has another."""
    return secrets.token_urlsafe(16)
