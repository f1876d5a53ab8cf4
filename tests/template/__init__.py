"""Tests of template.yaml and samconfig.toml."""
