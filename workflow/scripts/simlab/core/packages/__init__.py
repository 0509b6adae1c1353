"""Packages: a finished data set in the forms that training programs and archives expect."""
