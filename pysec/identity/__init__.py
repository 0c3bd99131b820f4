"""Why this exists: before a port opens to a device, somebody must say who that device is, and from which paper.

Certificates are judged here and nowhere else: `path` finds and validates a path to an anchor, with
`certificate`, `names`, `policy` and `revocation` as its parts. Time comes in as an argument.
"""

from pysec.identity.certificate import load_certificate
from pysec.identity.path import Path, PathPolicy, Validator

__all__ = ["Path", "PathPolicy", "Validator", "load_certificate"]
