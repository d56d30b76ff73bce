"""Webhooks for the benchmark `serve`: two servers that take them, and senders that push as fast as they can."""
