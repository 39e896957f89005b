"""Exact answers to yes-or-no problems with costs. Knows nothing of packages."""
