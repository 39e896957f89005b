"""Everything that can be broken around a gate, and what must be seen then."""
