/**
 * The tables of `index.db`. Ids and pubkeys are 32-byte blobs, pubkeys are interned; `member` and `position` say where
 * an event is (the offset of its length prefix in the uncompressed gzip member). `rowid` counts the events in the order of
 * the files; as a column it stays as it is when somebody runs VACUUM, and tags refer to it.
 */
export const TABLES = `
CREATE TABLE file (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  indexed_at INTEGER
) STRICT;
CREATE TABLE member (
  id INTEGER PRIMARY KEY,
  file INTEGER NOT NULL REFERENCES file(id),
  offset INTEGER NOT NULL,
  length INTEGER NOT NULL,
  size INTEGER NOT NULL,
  events INTEGER NOT NULL
) STRICT;
CREATE TABLE pubkey (
  id INTEGER PRIMARY KEY,
  pubkey BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE event (
  rowid INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  pubkey INTEGER NOT NULL REFERENCES pubkey(id),
  created_at INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  member INTEGER NOT NULL REFERENCES member(id),
  position INTEGER NOT NULL
) STRICT;`;

/**
 * Made when tags are to be looked up. `hash` is `tagHash` of name and value: an event of that hash is to be looked at, since
 * another tag may have the same. `event` is the row of the event.
 */
export const TAG_TABLES = `
CREATE TABLE indexed_tag (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE tag (
  hash INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  event INTEGER NOT NULL,
  PRIMARY KEY (hash, created_at, event)
) STRICT, WITHOUT ROWID;`;

export const INDEXES = `
CREATE INDEX event_id ON event(id);
CREATE INDEX event_pubkey ON event(pubkey, created_at);
CREATE INDEX event_kind ON event(kind, created_at);
CREATE INDEX event_created_at ON event(created_at);`;

/** The older layout, with hex text, for its readers. */
export const VIEW = `
CREATE VIEW events(id, kind, pubkey, created_at, file_path, indexed_at) AS
SELECT lower(hex(event.id)), event.kind, lower(hex(pubkey.pubkey)), event.created_at, file.path, file.indexed_at
FROM event
JOIN pubkey ON pubkey.id = event.pubkey
JOIN member ON member.id = event.member
JOIN file ON file.id = member.file;`;
