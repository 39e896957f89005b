"""A manifest drafted from what a repository holds, with a reason for each guess."""
