import type { CreatedProject } from '@pgfleet/contract';
import type { Fleet } from '@pgfleet/testkit';
import type { Database } from '../../store/database.ts';
import type { FakeHost } from '../fake-host.ts';
import { withKey } from '../test-control.ts';
import type { TestControl } from '../test-control.ts';

type Method = Parameters<TestControl['call']>[0];

/** Uses a control that has a fleet; nothing may be refused. */
export class Tourist {
  readonly control: TestControl;
  readonly fleet: Fleet;
  #changes = 0;

  constructor(control: TestControl, fleet: Fleet) {
    this.control = control;
    this.fleet = fleet;
  }

  get db(): Database {
    return this.control.db;
  }

  get host(): FakeHost {
    return this.control.host;
  }

  /** Makes a project of the large organization. */
  createProject(wish: object = {}): Promise<CreatedProject> {
    return this.control.createProject({ org_id: this.fleet.organizationId, ...wish });
  }

  /** Reads what the admin may read, or who has `key`. */
  get<T>(path: string, key?: string): Promise<T> {
    return this.#answer<T>('GET', path, key ? withKey(key) : {});
  }

  /** Makes a change, as one that may be repeated and waited for. */
  send<T>(method: Method, path: string, payload?: object): Promise<T> {
    this.#changes += 1;
    return this.repeat(method, path, payload);
  }

  /** Makes the last change once more, as somebody whom its answer did not reach. */
  repeat<T>(method: Method, path: string, payload?: object): Promise<T> {
    const headers = { 'idempotency-key': `change ${this.#changes}`, prefer: 'wait=5' };
    return this.#answer<T>(method, path, { headers, ...(payload && { payload }) });
  }

  /** Asks as hosts and proxies do. */
  async internal(method: 'GET' | 'POST', path: string, payload?: object): Promise<void> {
    const response = await this.control.internalApi.inject({
      method,
      url: `/internal/v1/${path}`,
      headers: { authorization: 'Bearer internal' },
      ...(payload && { payload }),
    });
    if (response.statusCode >= 300) throw new Error(`${path}: ${response.body}`);
  }

  /** Waits until nothing is under way for a project. */
  async settled(projectId: string): Promise<void> {
    await this.control.settled(projectId);
  }

  async #answer<T>(
    method: Method,
    path: string,
    more: Parameters<TestControl['call']>[2],
  ): Promise<T> {
    const { status, body } = await this.control.call<T>(method, path, more);
    if (status < 300) return body;
    throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
  }
}
