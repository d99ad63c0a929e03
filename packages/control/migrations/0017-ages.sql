-- Nothing is looked up by it: reports name their timelines.
drop index timelines_of_host;

-- For nothing but what is old: whoever wants the last hours of a branch must not look for them among
-- the last hours of all, and an index of an expression is of no use for that.
drop index consumption_by_age;
create index consumption_by_age on consumption ((hour at time zone 'UTC'));
