"""Frozen types: what a catalog, a workload and their numbers are. Imports nothing above itself."""
