"""The inbox of the local world: what the functions send through SES, as its readers would see it."""
