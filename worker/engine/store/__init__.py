"""Where conversations are kept: while they are live, and for a while after they have ended."""
