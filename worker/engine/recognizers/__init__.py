"""Speech recognisers behind one interface; every one of them is synchronous and knows nothing of sockets."""
