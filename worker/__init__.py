"""Live audio from Kafka to transcripts, insights and redacted messages through the Symbl Streaming API."""
