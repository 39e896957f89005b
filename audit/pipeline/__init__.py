"""The only place that knows the order of the stages, and where their answers are joined."""
