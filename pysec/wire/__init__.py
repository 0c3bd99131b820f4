"""Why this exists: octets on the wire become values in one place, so that no engine counts octets.

`eapol` is the frame that 802.1X sends, `mkpdu` what MKA puts into it. Nothing here knows a key or the time. Whatever
the octets, reading them ends in a value or in ProtocolError.
"""
