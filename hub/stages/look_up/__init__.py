"""Look up: ask registers about the organisations that they have not been asked about, or not lately.

Only distinct questions that are new or expired are asked, within the limits of each look-up; what is over waits for
the next run. Answers land in the lake like all other raw data, so that mapping makes them facts, and can make them
facts again. What changed between two answers becomes a signal in the file of the people who work there (R5).
"""

from hub.stages.look_up.ask import Answers, ask
from hub.stages.look_up.signals import signals

__all__ = ["Answers", "ask", "signals"]
