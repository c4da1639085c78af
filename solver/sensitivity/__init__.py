"""What would change the answer: prices, other inputs, uncertainty and process technology."""
