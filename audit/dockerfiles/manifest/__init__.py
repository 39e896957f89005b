"""What the manifest says of the fleet, held against the repository."""
