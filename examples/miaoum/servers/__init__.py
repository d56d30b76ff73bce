"""The outside world of the example, with real protocols: a CRM, a mailbox, an SMS provider, an audience store."""
