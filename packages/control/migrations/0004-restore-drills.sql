-- When the last scheduled drill of a project began; drills of its branches take turns.

alter table projects add column drilled_at timestamptz;
