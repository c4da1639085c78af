"""What-if sessions: a workload, an append-only journal of changes, a verified plan for each state."""
