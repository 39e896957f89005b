"""fleet.yaml, read and checked into a Fleet."""
