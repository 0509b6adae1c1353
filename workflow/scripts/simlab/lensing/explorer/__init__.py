"""The interactive explorer: a local web page around the library."""
