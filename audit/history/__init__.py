"""How long findings have been there: their lifecycles, kept in one SQLite file."""
