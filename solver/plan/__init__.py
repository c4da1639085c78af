"""The plan: the value a solve returns. It is complete in itself and knows nothing of variables or solvers."""
