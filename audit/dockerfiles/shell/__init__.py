"""Shell text of RUN instructions, workflow steps, scripts and recipes: which commands it runs."""
