"""What is said of a storage that cannot be used."""


class StorageError(RuntimeError):
    """A storage that cannot be used; the message says what to do. Another try may find it well."""
