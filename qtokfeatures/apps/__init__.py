"""Applications: what people start. Parsing and wiring only."""
