"""One module a rule: read, call the science, write."""
