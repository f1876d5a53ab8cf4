"""Northwind, the demo store: a small shop with product pages, a JSON catalogue and two marketplaces."""
