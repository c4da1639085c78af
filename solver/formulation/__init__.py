"""The integer program: sets and data (problem), constraint families, cost terms, and their registry."""
