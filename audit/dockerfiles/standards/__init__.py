"""What images are held to, as far as their Dockerfiles and configurations show it."""
