"""The stages, one verb each; the order is written in `hub.pipeline`."""
