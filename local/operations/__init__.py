"""What the operator of a deployment runs when something is to be mended: docs/operating.md has each command."""
