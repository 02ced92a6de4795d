"""The rules of invoicing, as pure functions over frozen values."""
