"""What is asked over HTTP: uploads, keys, rates, errors, answers. Plain FastAPI; neither Ray nor torch."""
