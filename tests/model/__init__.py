"""Why this exists: what the C core is compared with. Slow and obvious, written from the standards, never from csrc/."""
