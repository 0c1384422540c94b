"""Work that goes on without anybody waiting: kept in a store, done by foremen, told to whoever asked to be called."""
