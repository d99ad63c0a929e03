import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpRoles } from './dump-roles.ts';
import { Fixture } from './fixture.ts';
import { findInstallations } from './installation.ts';
import { readVerifiers } from './read-verifiers.ts';
import { createDatabase, startWithSchema } from './schema-fixture.ts';

const majors = (await findInstallations()).map(({ major }) => major);

describe.each(majors)('the roles of Postgres %i', (major) => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await Fixture.open(major);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test('are the same in another cluster, with passwords, memberships and settings', async () => {
    const source = await startWithSchema(fixture);
    await using from = await fixture.connect(source);
    await from.script([
      `CREATE ROLE "it's" NOINHERIT LOGIN CONNECTION LIMIT 3 VALID UNTIL '2030-01-01'`,
      `GRANT app_owner TO "it's" WITH ADMIN OPTION`,
      `GRANT app_owner TO "Reader; x" GRANTED BY "it's"`,
      `ALTER ROLE "it's" SET my.setting = 'x''y'`,
      `ALTER ROLE "it's" IN DATABASE neondb SET work_mem = '7MB'`,
      `ALTER DATABASE neondb SET search_path = app, "$user"`,
    ]);
    const dump = await dumpRoles(from);
    expect(dump.roles.join('\n')).not.toMatch(/TO "?(cloud_admin|pg_)|ROLE "?(cloud_admin|neon_)/);

    const target = await fixture.clone();
    await fixture.start(target);
    await createDatabase(fixture, target, 'neondb');
    await using to = await fixture.connect(target);
    for (let round = 0; round < 2; round += 1) {
      for (const statement of [...dump.roles, ...dump.settings]) await to.script([statement]);
    }
    expect(await dumpRoles(to)).toEqual(dump);
    expect(await readVerifiers(to)).toEqual(await readVerifiers(from));
    const members = `SELECT roleid::regrole::text AS role, member::regrole::text, grantor::regrole::text,
      admin_option FROM pg_auth_members ORDER BY 1, 2, 3`;
    expect(await to.query(members)).toEqual(await from.query(members));
    const settings = `SELECT setdatabase::text <> '0' AS one, setrole::regrole::text AS role, setconfig
      FROM pg_db_role_setting ORDER BY 1, 2`;
    expect(await to.query(settings)).toEqual(await from.query(settings));
  });
});
