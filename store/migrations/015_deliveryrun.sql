-- A place may hold the heads of several lines: the first keeps its turn, the others are
-- in sending without it. How many places are taken is counted by those with a turn. And
-- retries that are too far off are found endpoint by endpoint, so that no second index
-- of what waits is kept.
DROP INDEX deliveries_sending;
CREATE INDEX deliveries_sending ON deliveries (endpoint_id, tenant_id, turn) WHERE state = 'sending';
DROP INDEX deliveries_next;
