"""Normalise: one spelling for what people write in many ways. Pure functions: no clock, no network."""
