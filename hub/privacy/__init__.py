"""Privacy: what the hub knows of a person, shown or erased, in every place and at every connected system.

docs/erasure.md tells it for people who operate a hub.
"""

from hub.privacy.erase import Found, Outcome, ask, by_hand, go_on, look, sign_again
from hub.privacy.export import export
from hub.privacy.readmit import readmit
from hub.privacy.receipt import holds
from hub.privacy.recognise import replay
from hub.privacy.stores import Stores

__all__ = [
    "Found",
    "Outcome",
    "Stores",
    "ask",
    "by_hand",
    "export",
    "go_on",
    "holds",
    "look",
    "readmit",
    "replay",
    "sign_again",
]
