"""References to images: how they are written, where they stand, and whether they are the fleet's."""
