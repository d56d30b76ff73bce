"""The hub's own HTTP server: what other systems push, and the pages behind the links in messages.

Whatever comes in is written into the ledger before it is answered; the next run lands it. So a server never waits for
a run, a run never waits for a server, and several servers may share one ledger. No cookie is set, no page needs
JavaScript, and no log line holds a token, an address or a name.
"""

from hub.serve.app import application
from hub.serve.server import listen, serve

__all__ = ["application", "listen", "serve"]
