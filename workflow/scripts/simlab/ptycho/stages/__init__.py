"""One module a rule: read the inputs, call the science, write the outputs."""
