"""Billing's SQL: sets of rows in, sets of rows out; one module for each thing it keeps."""
