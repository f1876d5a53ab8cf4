"""X's part of the embedded stack: its API, webhooks, sign-in and a timeline in the browser.

Behaviour follows X's documentation (docs.x.com) and its OpenAPI description, versions 2.166 and 2.167. Known
differences, all because everything here stays on one machine: webhook URLs are loopback addresses over plain http with
a port (X insists on public https without one), nobody signs in with a password, and nothing is billed.
"""
