"""Invoicing's SQL: sets of rows in, sets of rows out."""
