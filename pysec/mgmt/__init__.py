"""Why this exists: what runs for weeks is managed by commands, files and programs, all by the same names and one API.

settings   every setting of a link once: its name in a file, as an option and in the API, its default, its check
linkfile   a link's TOML file, and which line set what
links      the links of one process: up, down, tried for a while, told as they are
api, http  the same as HTTP and JSON over a unix socket; `client` is the other end
"""
