"""The ledger: credit, POC, holds."""
