"""Debian's archive and the image's package state: what supplies a need, and what it costs."""
