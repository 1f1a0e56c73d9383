-- How deliveries to an endpoint look, and by which interface it was set.
ALTER TABLE endpoints ADD COLUMN format TEXT NOT NULL DEFAULT 'wapiconnect';
ALTER TABLE endpoints ADD COLUMN origin TEXT NOT NULL DEFAULT '';
