"""What a plan costs when: cash flow, yearly statement, cost per million tokens. Reads the plan only."""
