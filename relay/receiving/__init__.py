"""From a partner's socket to a batch and back with the answer: who may come in, conversations, group commit's batches."""
