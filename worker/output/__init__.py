"""What is said on the output topics, and the producer that says it."""
