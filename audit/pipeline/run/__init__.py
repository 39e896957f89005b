"""What a run is: what the user decided, what is to be audited, and the image once it is open."""
