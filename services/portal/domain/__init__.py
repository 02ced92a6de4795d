"""The portal's rules as pure functions: what messages tell of each thing, and what pages show."""
