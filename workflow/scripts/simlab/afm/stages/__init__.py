"""What the rules and the commands run: read, call the science, write."""
