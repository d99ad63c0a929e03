import type { Operation } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { SeededRandom } from '@pgfleet/testkit';
import type { InjectOptions } from 'fastify';
import type { Response, TestControl } from './test-control.ts';

type Method = Parameters<TestControl['call']>[0];

/**
 * An organization of its own with one project that has a bit of everything, for requests that may
 * destroy whatever they find.
 */
export class FuzzedTenant {
  readonly #control: TestControl;
  readonly #key: string;
  readonly #ids: Readonly<Record<string, readonly string[]>>;

  private constructor(
    control: TestControl,
    key: string,
    ids: Readonly<Record<string, readonly string[]>>,
  ) {
    this.#control = control;
    this.#key = key;
    this.#ids = ids;
  }

  static async open(control: TestControl): Promise<FuzzedTenant> {
    const key = await control.createStranger();
    const tenant = new FuzzedTenant(control, key, {});
    return new FuzzedTenant(control, key, await tenant.#fill());
  }

  /** The id of something that exists, for a parameter or a field of this name. */
  known(name: string, random: SeededRandom): string | undefined {
    const ids = this.#ids[name];
    return ids && random.chance(0.85) ? random.pick(ids) : undefined;
  }

  /** Calls the API as the tenant. */
  call<T>(method: Method, path: string, more: InjectOptions = {}): Promise<Response<T>> {
    const headers = { authorization: `Bearer ${this.#key}`, ...more.headers };
    return this.#control.call<T>(method, path, { ...more, headers });
  }

  async #fill(): Promise<Record<string, readonly string[]>> {
    const created = await this.#post('/projects', { project: {} });
    const { project, branch: main, endpoints } = created as Created;
    await this.#settle(project.id);
    const options = { branch: { name: 'child' }, endpoints: [{ type: 'read_write' }] };
    const { branch: child, endpoints: more } = (await this.#post(
      `/projects/${project.id}/branches`,
      options,
    )) as Created;
    const { snapshot } = (await this.#post(
      `/projects/${project.id}/branches/${main.id}/snapshot`,
    )) as { snapshot: Identified };
    const operations = await this.#settle(project.id);
    const { id: keyId } = (await this.#post('/api_keys', { key_name: 'a' })) as { id: number };
    const me = (await this.call<Identified>('GET', '/users/me')).body;
    const branches = [main.id, child.id];
    const organizations = [project.org_id];
    return {
      project_id: [project.id],
      branch_id: branches,
      parent_id: branches,
      source_branch_id: branches,
      base_branch_id: branches,
      target_branch_id: branches,
      endpoint_id: [...endpoints, ...more].map(({ id }) => id),
      snapshot_id: [snapshot.id],
      operation_id: operations.map(({ id }) => id),
      key_id: [String(keyId)],
      org_id: organizations,
      source_org_id: organizations,
      destination_org_id: organizations,
      user_id: [me.id],
      role_name: ['neondb_owner'],
      database_name: ['neondb'],
      db_name: ['neondb'],
      region_id: ['aws-us-east-2'],
      frequency: ['daily', 'monthly'],
      type: ['read_write'],
    };
  }

  async #post(path: string, payload?: object): Promise<unknown> {
    const { status, body } = await this.call('POST', path, payload ? { payload } : {});
    if (status >= 300) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  async #settle(projectId: string): Promise<readonly Operation[]> {
    const list = async () => {
      const path = `/projects/${projectId}/operations`;
      const { body } = await this.call<{ operations: Operation[] }>('GET', path);
      return body.operations.every(({ status }) => status === 'finished')
        ? body.operations
        : undefined;
    };
    return waitUntil(list, { what: 'operations to finish', timeoutMs: 20_000 });
  }
}

interface Identified {
  readonly id: string;
}

interface Created {
  readonly project: Identified & { readonly org_id: string };
  readonly branch: Identified;
  readonly endpoints: readonly Identified[];
}
