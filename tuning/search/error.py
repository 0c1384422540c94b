"""What is said of a search that cannot be."""


class SearchError(ValueError):
    """A search that cannot begin or go on; the message says what to do."""
