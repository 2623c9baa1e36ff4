"""The two-speaker support call that `make demo` plays, and the broker it runs on."""
