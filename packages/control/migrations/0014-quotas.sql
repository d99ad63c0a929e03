-- Which quota of a project is used up: its computes must not run until there is more.
alter table projects add column exceeded_quota text;

create index projects_over_quota on projects (id) where exceeded_quota is not null;
