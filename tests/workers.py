"""Why this exists: tests run in several processes (pytest-xdist); some must not meet, some share what is dear to make.

Benches pin themselves to one CPU and build into one folder; what counts this machine's interfaces must not run beside
what makes some. Whatever has one name here, one worker does, one after the other. Files whose tests are long are dealt
out test by test, and before all others, for whatever is begun with last is waited for; the rest goes file by file.

By paths and names, since xdist's own mark goes through the inside of pytest, and got lost there with pytest 9.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "tests/unit/bench/": "bench",
    "tests/unit/lab/": "network",
    "tests/unit/mgmt/test_doctor.py": "service",
    "tests/unit/mgmt/test_service.py": "service",
    "tests/unit/mgmt/test_service_life.py": "service",
    "tests/unit/runtime/": "network",
    "tests/unit/port/test_port_kernel.py": "network",
    "tests/unit/port/test_port_super.py": "network",
    "tests/unit/port/test_port_workers.py": "network",
    "tests/canary/test_port_wire.py": "network",
    "tests/interop/": "network",
    "tests/unit/test_c_example.py": "one library",
    "tests/fuzz/test_fuzz_corpus.py": "one corpus",
}
# Each file of cases is written once, and what is measured over all implementations follows it.
CASES = re.compile(r"tests/unit/gcm/test_gcm_cases\.py::test_(?:long_)?suite\[\w+?-(\w+)\]")
# Tests of seconds each, most of them for a compiler.
LONG = (
    "tests/canary/",
    "tests/property/",
    "tests/sim/",
    "tests/unit/concurrency/",
    "tests/unit/gcm/",
    "tests/unit/memory/",
    "tests/unit/port/test_port_race.py",
)


def is_early(nodeid: str) -> bool:
    """Whether a test is begun with before others."""
    return nodeid.startswith((*GROUPS, *LONG))


def group(nodeid: str) -> str:
    """What one worker does as a whole: the name of a group, a long test, or a file."""
    for path, name in GROUPS.items():
        if nodeid.startswith(path):
            return name
    found = CASES.match(nodeid)
    if found:
        return f"cases {found[1]}"
    return nodeid if nodeid.startswith(LONG) else nodeid.partition("::")[0]


def make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """xdist's scheduler for groups, with ours, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log)
