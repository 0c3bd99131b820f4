"""The compiled module, as cffi makes it from csrc/pysec.h and csrc/pysec_port.h (build.py).

The functions are those of the headers, with the same names and the same order of arguments; the headers say what they
do, when they fail and who owns what. Only pysec.dataplane imports this module, and only there is Any tolerated.
"""

from typing import Any

ffi: Any
lib: Any
