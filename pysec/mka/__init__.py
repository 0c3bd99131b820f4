"""Why this exists: MKA (802.1X-2020 clauses 6, 9 and 11): who is in a connectivity association, and which SAK it uses.

`kdf` and `keys` are the key hierarchy, `xpn` the salt and the SSCIs of the XPN suites, `sealed` puts an MKPDU into a
frame with its ICV and takes it out again.

`kay` is the KaY of a port; read it first, then `participant`, which is one CAK's part, and what that rests on: `member`
(our own MI and MN), `peers`, `election`, `keyserver` (with `choice` and `sak`), `keyclient`, `message`, `pacing`.
`principal` has the say among several CAKs, `outcome` tells the port what has become of it, `events`, `config` and
`status` are what goes out and in.
"""
