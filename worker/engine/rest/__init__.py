"""The Conversation API and the management calls, over HTTP."""
