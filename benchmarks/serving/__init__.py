"""What HTTP and the graph cost beside the same Recognizer in one process: one clip, many clients, and memory."""
