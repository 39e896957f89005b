"""How the repository's images are built: which Dockerfile, with which context, and who says so."""
