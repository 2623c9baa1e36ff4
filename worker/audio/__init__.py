"""Audio formats, wire frames and the audio clock. Pure: no I/O, no clock, no logging."""
