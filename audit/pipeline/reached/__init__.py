"""What the services of an image load: entry points, their order, imports and files."""
