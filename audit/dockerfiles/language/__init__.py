"""The language of Dockerfiles: what is written in one, what it means, and what BuildKit refuses."""
