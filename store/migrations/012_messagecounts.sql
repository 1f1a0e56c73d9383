-- Days of which retention has removed all messages.
CREATE INDEX message_counts_none ON message_counts (tenant_id, day) WHERE n = 0;
