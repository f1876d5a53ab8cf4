"""Linking an X profile with a store account, and everything about the account afterwards."""
