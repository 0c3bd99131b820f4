"""Why this exists: a lab has captures, key files and vectors on disk, and wants answers without a network.

The offline tools: `conformance` runs vector files through the product, `pcap` works on whole captures, `selftest`
says whether this build can be trusted on this CPU. Nothing here opens a socket or needs root.
"""
