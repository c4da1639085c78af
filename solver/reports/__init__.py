"""A plan in words, on the terminal, as HTML, Markdown, CSV, XLSX and JSON."""
