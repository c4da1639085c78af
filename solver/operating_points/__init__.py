"""(service x system x configuration) -> operating points: what a replica promises and what a request costs it."""
