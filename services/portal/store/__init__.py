"""The portal's SQL: `saving` writes the read tables, and a module an area reads them."""
