alter table branches add column is_anonymized boolean not null default false;

-- What an anonymized branch is to become, and how far it is.
create table anonymizations (
  branch_id text primary key references branches,
  -- Masking rules in the order in which they were given.
  rules jsonb not null,
  -- Of the latest attempt; `initialized` before the first one.
  state text not null default 'initialized',
  status_message text,
  -- Whether anybody may see the data: it is masked, and is not about to be masked again.
  is_open boolean not null default false,
  -- When the present data was masked; null before it ever was.
  masked_at timestamptz,
  failed_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  started_by uuid references users,
  masked_columns integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
