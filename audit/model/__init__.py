"""The values that stages exchange. Nothing here reads the world; everything is frozen."""
