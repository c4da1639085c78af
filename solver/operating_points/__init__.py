"""(service x system x configuration) -> operating points: what a replica promises, what a request costs."""
