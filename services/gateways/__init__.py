"""Payment gateways: asks them for payment pages, and tells what they answer."""
