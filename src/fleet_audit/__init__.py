"""fleet-audit: what the services of a fleet need from their images, and whether they get it."""

__version__ = "0.1.0"
