"""Why this exists: `python -m pysec` is the command where no script of that name is on the path, as for a service."""

import sys

from pysec.cli.main import main

sys.exit(main())
