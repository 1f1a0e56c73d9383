-- types lists the event types that an endpoint wants, comma separated; '' means
-- those of the WapiConnect document.
ALTER TABLE endpoints ADD COLUMN types TEXT NOT NULL DEFAULT '';
