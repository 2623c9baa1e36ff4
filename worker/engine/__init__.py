"""A self-hosted, Symbl-compatible Streaming API server."""
