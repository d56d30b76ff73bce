"""What plugin authors test with: a conformance suite for each shape, inherited in a few lines.

A suite runs against a real stand-in for the other system, in this process, offline and in seconds.
"""

import pytest

pytest.register_assert_rewrite(
    "hub.testing.destinations",
    "hub.testing.erasing",
    "hub.testing.http",
    "hub.testing.http_sources",
    "hub.testing.lookups",
    "hub.testing.mappings",
    "hub.testing.registers",
    "hub.testing.sources",
)

from hub.testing.between import answering as answering  # noqa: E402 - rewriting is registered first
from hub.testing.between import times as times  # noqa: E402
from hub.testing.destinations import DestinationSuite as DestinationSuite  # noqa: E402
from hub.testing.erasing import ErasureSuite as ErasureSuite  # noqa: E402
from hub.testing.erasing import ErasureWorld as ErasureWorld  # noqa: E402
from hub.testing.http import HttpDestinationSuite as HttpDestinationSuite  # noqa: E402
from hub.testing.http_sources import HttpSourceSuite as HttpSourceSuite  # noqa: E402
from hub.testing.http_sources import HttpSourceWorld as HttpSourceWorld  # noqa: E402
from hub.testing.lookups import LookupSuite as LookupSuite  # noqa: E402
from hub.testing.lookups import LookupWorld as LookupWorld  # noqa: E402
from hub.testing.mappings import assert_cases_hold as assert_cases_hold  # noqa: E402
from hub.testing.registers import RegisterSuite as RegisterSuite  # noqa: E402
from hub.testing.registers import RegisterWorld as RegisterWorld  # noqa: E402
from hub.testing.sources import SourceSuite as SourceSuite  # noqa: E402
from hub.testing.sources import SourceWorld as SourceWorld  # noqa: E402
from hub.testing.waits import QuickClock as QuickClock  # noqa: E402
from hub.testing.waits import no_waiting as no_waiting  # noqa: E402
