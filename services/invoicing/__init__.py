"""Usage segments, the month's run, invoices and their payment."""
