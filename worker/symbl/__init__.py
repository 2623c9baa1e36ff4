"""The Symbl Streaming API as its clients see it: messages, the protocol of one socket, tokens, connections."""
