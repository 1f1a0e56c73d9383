-- options is the JSON of engine.SessionOptions, '' for none.
ALTER TABLE sessions ADD COLUMN options TEXT NOT NULL DEFAULT '';
