"""The stages, in the order that data passes them; each is one verb, and none knows another."""
