"""E-mail to shoppers: what it says, in five languages, and how it goes out through SES."""
