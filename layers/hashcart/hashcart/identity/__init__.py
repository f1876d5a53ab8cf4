"""How a customer of the store proves who they are: one module a protocol, `registry.py` chooses by settings."""
