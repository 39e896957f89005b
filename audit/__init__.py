"""Finds things out about images and services, and judges them; never prints."""
