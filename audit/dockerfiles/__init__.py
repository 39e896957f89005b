"""What a repository says of its images: Dockerfiles, their contexts, and who builds and names them."""
