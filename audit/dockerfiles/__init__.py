"""Dockerfiles as text with lines: where a change belongs."""
