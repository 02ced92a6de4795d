"""Notifications: what users are told by e-mail, in their language, each notice once."""
