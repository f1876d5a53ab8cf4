"""Stopping e-mail from the e-mail itself."""
