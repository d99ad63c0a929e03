import type { Operation } from '@pgfleet/contract';
import { waitUntil } from '@pgfleet/kit';
import type { SeededRandom } from '@pgfleet/testkit';
import type { InjectOptions } from 'fastify';
import { forOperators, fuzzedStates } from './fuzzed-states.ts';
import type { Response, TestAccount, TestControl } from './test-control.ts';

type Method = Parameters<TestControl['call']>[0];

/** Ids, and other values that make sense, by the names of parameters and fields. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/**
 * An organization of its own with one project that has a bit of everything, for requests that may
 * destroy whatever they find; and with what one operation needs beside that.
 */
export class FuzzedTenant {
  readonly control: TestControl;
  readonly account: TestAccount;
  #key: string;
  #values: KnownValues = {};

  private constructor(control: TestControl, account: TestAccount) {
    this.control = control;
    this.account = account;
    this.#key = account.key;
  }

  static async open(control: TestControl, operationId?: string): Promise<FuzzedTenant> {
    const tenant = new FuzzedTenant(control, await control.createAccount());
    tenant.#values = await tenant.#fill();
    const state = operationId === undefined ? undefined : fuzzedStates[operationId];
    if (state) tenant.#values = { ...tenant.#values, ...(await state(tenant)) };
    if (operationId !== undefined && forOperators.has(operationId)) tenant.#key = control.adminKey;
    return tenant;
  }

  /** The id of something that exists, for a parameter or a field of this name. */
  known(name: string, random: SeededRandom): string | undefined {
    const values = this.#values[name];
    return values && random.chance(0.85) ? random.pick(values) : undefined;
  }

  /** The first value of this name. */
  the(name: string): string {
    const [value] = this.#values[name] ?? [];
    if (value === undefined) throw new Error(`the tenant has no ${name}`);
    return value;
  }

  /** Calls the API as the tenant. */
  call<T>(method: Method, path: string, more: InjectOptions = {}): Promise<Response<T>> {
    const headers = { authorization: `Bearer ${this.#key}`, ...more.headers };
    return this.control.call<T>(method, path, { ...more, headers });
  }

  async #fill(): Promise<KnownValues> {
    const created = await this.change<Created>('POST', '/projects', { project: {} });
    const { project, branch: main, endpoints } = created;
    await this.settle(project.id);
    const path = `/projects/${project.id}/branches/${main.id}`;
    await this.change('POST', `${path}/roles`, { role: { name: 'app' } });
    const shop = { name: 'shop', owner_name: 'neondb_owner' };
    await this.change('POST', `${path}/databases`, { database: shop });
    await this.settle(project.id);
    const options = { branch: { name: 'child' }, endpoints: [{ type: 'read_write' }] };
    const { branch: child, endpoints: more } = await this.change<Created>(
      'POST',
      `/projects/${project.id}/branches`,
      options,
    );
    const { snapshot } = await this.change<{ snapshot: Identified }>(
      'POST',
      `/projects/${project.id}/branches/${main.id}/snapshot`,
    );
    const operations = await this.settle(project.id);
    const { id: keyId } = await this.change<{ id: number }>('POST', '/api_keys', {
      key_name: 'a',
    });
    const me = (await this.call<Identified>('GET', '/users/me')).body;
    const branches = [main.id, child.id];
    const organizations = [project.org_id];
    return {
      project_id: [project.id],
      branch_id: branches,
      child_branch_id: [child.id],
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
      role_name: ['neondb_owner', 'app'],
      owner_name: ['neondb_owner', 'app'],
      database_name: ['neondb', 'shop'],
      db_name: ['neondb'],
      region_id: ['aws-us-east-2'],
      frequency: ['daily', 'monthly'],
      type: ['read_write', 'read_only'],
    };
  }

  /** Makes something, or changes it, which must succeed. */
  async change<T>(method: Method, path: string, payload?: object): Promise<T> {
    const { status, body } = await this.call<T>(method, path, payload ? { payload } : {});
    if (status >= 300) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** Waits until every operation of a project has succeeded. */
  async settle(projectId: string): Promise<readonly Operation[]> {
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
