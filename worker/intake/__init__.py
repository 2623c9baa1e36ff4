"""From Kafka records to conversations: decoding, the offset ledger, the consumer."""
