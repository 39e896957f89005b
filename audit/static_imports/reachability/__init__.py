"""Which modules a service leads to, and how certainly."""
