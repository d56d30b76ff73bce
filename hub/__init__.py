"""Schakel: the open customer-data integration and activation hub."""

__version__ = "0.1.0"
