"""Conversations that are dialled into: SIP and RTP."""
