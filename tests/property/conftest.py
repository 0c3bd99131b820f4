"""Why this exists: how hard hypothesis tries. `quick` is the default; it and `ci`, which tries twice as hard in the
gate's slice of the soak, repeat themselves exactly. PYSEC_HYPOTHESIS=long looks for what nobody has seen yet.
"""

from __future__ import annotations

import os

import hypothesis

hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=100, print_blob=True, database=None
)
hypothesis.settings.register_profile("quick", parent=hypothesis.settings.get_profile("ci"), max_examples=50)
hypothesis.settings.register_profile(  # for tests/canary: find a planted fault, and do not look for its smallest form
    "canary", parent=hypothesis.settings.get_profile("ci"), phases=[hypothesis.Phase.generate]
)
hypothesis.settings.register_profile("long", deadline=None, max_examples=5000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("PYSEC_HYPOTHESIS", "quick"))
