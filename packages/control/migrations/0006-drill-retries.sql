-- A drill that is under way, or that could not be done, has no other one of its project before this.

alter table projects add column drill_after timestamptz;
