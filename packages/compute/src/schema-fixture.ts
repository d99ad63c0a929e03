import { AdminConnection } from './admin-connection.ts';
import { applySpec } from './apply-spec.ts';
import type { Fixture } from './fixture.ts';
import type { InstancePlace } from './instance.ts';

/** For tests: a schema with one of each, made by tenants' roles, and rows that no dump may hold. */
export const SCHEMA_ROLES = `
  CREATE ROLE app_owner CREATEROLE; CREATE ROLE "Reader; x" LOGIN PASSWORD 'reader';
  GRANT app_owner TO neondb_owner; GRANT pg_monitor TO "Reader; x";
  ALTER ROLE app_owner SET search_path = app, public;`;

export const SCHEMA = `
  CREATE EXTENSION pgcrypto; CREATE EXTENSION citext;
  COMMENT ON EXTENSION citext IS 'text; without case';
  CREATE SCHEMA app; CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext;
  CREATE TYPE app.mood AS ENUM ('sad', 'it''s; ok'); CREATE TYPE app.pair AS (a int, b text);
  CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
  CREATE SEQUENCE app.numbers START 7;
  CREATE TABLE app.person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mail citext UNIQUE,
    mood app.mood DEFAULT 'sad', token uuid DEFAULT gen_random_uuid(), tags ext.hstore,
    age app.positive, doubled int GENERATED ALWAYS AS (age * 2) STORED, CHECK (age < 200));
  COMMENT ON TABLE app.person IS E'people;\\nwho are here\\\\';
  CREATE TABLE app.event (at timestamptz NOT NULL, person int REFERENCES app.person, note text)
    PARTITION BY RANGE (at);
  CREATE TABLE app.event_2026 PARTITION OF app.event
    FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE app.event_rest PARTITION OF app.event DEFAULT;
  CREATE INDEX event_note ON app.event (lower(note)) WHERE note <> ';';
  CREATE VIEW app.adults AS SELECT id, mail FROM app.person WHERE age >= 18;
  CREATE MATERIALIZED VIEW app.counts AS SELECT count(*) FROM app.person;
  CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN
    -- \\restrict nothing
    NEW.note := 'it''s; touched'; RETURN NEW; END; $body$;
  CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC
    SELECT CASE WHEN n > 0 THEN n * 2 ELSE 0 END; END;
  CREATE AGGREGATE app.total (int) (sfunc = int4pl, stype = int, initcond = '0');
  CREATE TRIGGER touch BEFORE INSERT ON app.event FOR EACH ROW EXECUTE FUNCTION app.touch();
  CREATE RULE quiet AS ON DELETE TO app.adults DO INSTEAD (SELECT 1; SELECT 2);
  ALTER TABLE app.person ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON app.person TO "Reader; x" USING (mail = current_user::citext);
  CREATE STATISTICS app.correlated ON id, mail FROM app.person;
  CREATE PUBLICATION changes FOR TABLE app.person;
  GRANT USAGE ON SCHEMA app TO "Reader; x"; GRANT SELECT (id, mail) ON app.person TO "Reader; x";
  GRANT SELECT ON app.adults TO PUBLIC; REVOKE ALL ON FUNCTION app.twice FROM PUBLIC;
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO "Reader; x";
  GRANT ALL ON SCHEMA app TO app_owner; ALTER TABLE app.event OWNER TO app_owner;
  INSERT INTO app.person (mail, age) VALUES ('secret-row@example.com', 20);`;

/** A cluster whose `neondb` has the schema, made by `neondb_owner`. */
export async function startWithSchema(fixture: Fixture): Promise<InstancePlace> {
  const place = await fixture.clone();
  await fixture.start(place);
  await using admin = await fixture.connect(place, { database: 'neondb' });
  await admin.script([
    'SET search_path = public',
    'SET SESSION AUTHORIZATION neondb_owner',
    SCHEMA_ROLES,
  ]);
  await admin.script([SCHEMA]);
  return place;
}

/** Gives a cluster another database of `neondb_owner` and says how to enter it. */
export async function createDatabase(fixture: Fixture, place: InstancePlace, database: string) {
  await using admin = await fixture.connect(place);
  const adminSecret = fixture.template.adminSecret;
  const databases = [{ name: database, owner: 'neondb_owner' }];
  await applySpec(admin, { adminSecret, roles: [], databases });
  return { socketDirectory: place.socketDirectory, secrets: [adminSecret], database };
}

export function enter(login: Awaited<ReturnType<typeof createDatabase>>): Promise<AdminConnection> {
  return AdminConnection.open(login);
}
