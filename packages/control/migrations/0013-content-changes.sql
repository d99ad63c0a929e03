-- Roles that cannot log in have no password.
alter table roles
  alter column verifier drop not null,
  add column can_login boolean not null default true;

-- What an operation changes of the roles and databases of its branch (`ContentChange`), in this order.
alter table operations add column changes jsonb;
