"""What is owed, and was it paid: the rules of billing, as pure functions over frozen values."""
