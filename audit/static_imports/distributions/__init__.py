"""Which distribution a module comes from, which ones are asked for, and which nothing uses."""
