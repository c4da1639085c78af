"""Fleet solver: the cheapest inference hardware that keeps the promises made to LLM traffic."""

__version__ = "0.1.0"
