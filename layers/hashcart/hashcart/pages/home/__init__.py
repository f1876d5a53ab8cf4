"""The page for strangers."""
