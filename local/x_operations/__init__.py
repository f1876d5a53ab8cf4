"""`make x-setup`, `make x-status` and `make x-teardown`: what a deployment needs at X, done by one command."""
