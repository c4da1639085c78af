"""From process technology to systems: capacity, bandwidth, compute, cost and price of wafers and chips."""
