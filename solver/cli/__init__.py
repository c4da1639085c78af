"""Commands: words, exit codes, nothing else."""
