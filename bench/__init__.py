"""测速: what the service does in a second on this machine, beside the least that it could cost.

How to run it and how to read it: `docs/performance.md`.
"""
