"""The simulator of `pysec.lab.sim` at work, with planted bugs, and an exhaustive search over two members."""
