"""What X bills for a call, in millionths of a US dollar (pay per use).

As X's own documentation had the prices in August 2026 (github.com/xdevplatform/docs); the developer console has those
that count for an app. None was checked against an invoice.
"""

AS_OF = "2026-08"
DOLLAR = 1_000_000

POST_READ = 5_000
"""Each post that an answer brings, once a day (UTC) however often it is read."""

OWN_MENTION_READ = 1_000
"""A mention of the account whose own token reads it."""

USER_READ = 10_000

SUMMONED_REPLY = 10_000
"""A reply to a post that mentions or quotes the account, without a URL."""

POST = 15_000
"""Any other post without a URL."""

POST_WITH_URL = 200_000
