"""Physics of a replica: roofline, memory, communication, latency, wear and queueing."""
