"""Which notices there are, what they must tell, and whom they go to: pure rules."""
