"""The retrieval of studies: the queue, the requests and their order, and the verdicts."""
