CREATE TABLE IF NOT EXISTS jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of acceptance
    id          TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL,
    state       TEXT NOT NULL DEFAULT 'queued',
    name        TEXT NOT NULL,
    asked       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key         TEXT,
    callback    TEXT,
    erase       INTEGER NOT NULL,
    created     REAL NOT NULL,
    started     REAL,
    ended       REAL,
    erased      REAL,
    seconds     REAL NOT NULL DEFAULT 0,
    duration    REAL,
    attempt     INTEGER NOT NULL DEFAULT 0,
    waits       INTEGER NOT NULL DEFAULT 0,         -- how often there was no room
    due         REAL NOT NULL DEFAULT 0,            -- not begun before
    holder      TEXT,                               -- token of the attempt
    lease       REAL,                               -- until when the holder counts as alive
    degraded    TEXT NOT NULL DEFAULT '{}',
    trouble     TEXT,
    reason      TEXT,
    place       TEXT,
    files       TEXT NOT NULL DEFAULT '{}',
    version     INTEGER NOT NULL DEFAULT 0,
    calls       INTEGER NOT NULL DEFAULT 0,         -- how often the callback was tried
    call_due    REAL,                               -- when it is tried next; nothing: never (again)
    call_end    TEXT                                -- what became of it: delivered, or why it was given up
);
CREATE UNIQUE INDEX IF NOT EXISTS jobs_key ON jobs (owner, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (state, due);
CREATE INDEX IF NOT EXISTS jobs_owner ON jobs (owner, number);
CREATE INDEX IF NOT EXISTS jobs_call ON jobs (call_due) WHERE call_due IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS jobs_end AFTER UPDATE OF ended ON jobs  -- however it ends, whoever asked to be called is
WHEN NEW.ended IS NOT NULL AND OLD.ended IS NULL AND NEW.callback IS NOT NULL
BEGIN
    UPDATE jobs SET call_due = NEW.ended WHERE number = NEW.number;
END;
PRAGMA user_version = 1;
