"""Builds the example's images without an engine and without root, from real Debian packages and wheels."""
