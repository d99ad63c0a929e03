-- What comes before an operation of a branch is found without a look at the other branches of its
-- project, which may be thousands.
drop index operations_in_order;
create index operations_in_order on operations (project_id, branch_id, sequence)
  where status in ('scheduling', 'running', 'cancelling');
