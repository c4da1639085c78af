"""One solve from workload to verified plan; above verify and finance, below sensitivity and reports."""
