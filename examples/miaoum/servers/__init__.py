"""The outside world of the example, on loopback and with real protocols: a CRM, a mailbox, an SMS provider, an audience store."""
