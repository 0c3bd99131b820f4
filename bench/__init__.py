"""Why this exists: a claim about speed is a row that says on what, how, and how much it varied. See bench/README.md."""
