"""Why this exists: people bring captures, not frames; protecting, validating and reading them must work on any size.

`reader` and `writer` know pcap and pcapng, `keys` the key files, `sectag` names the fields of a SecTAG, `stream`
drives a SecY over bursts; `protect`, `validate` and `dissect` are the commands. The formats: docs/formats.md.
"""
