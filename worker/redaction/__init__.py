"""Finding and masking personal data in transcribed speech. Pure: no I/O, no clock, no logging."""
