"""Why this exists: conformance is a claim, and a claim is worth what anybody can run again.

`pysec conformance` runs vector files through the product: frames through its SecY, never through code of the tool's
own. `files` finds and opens vector files, `formats` knows what each format asks, `report` says how it went. `product`
is the seam at which a canary plants a fault.
"""
