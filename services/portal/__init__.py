"""The portal: what customers and Support see and do, and the documents that they are given."""
