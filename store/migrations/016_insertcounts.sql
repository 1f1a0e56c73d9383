-- A message that is logged among days that were counted already, as the clock had been
-- set back, is counted by the statement that logs it: a trigger that asked each new
-- message cost an eighth of all that a send costs here.
DROP TRIGGER messages_counted_insert;
