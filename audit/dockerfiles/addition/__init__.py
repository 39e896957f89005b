"""Where packages are added to a Dockerfile, and the Dockerfile with them."""
