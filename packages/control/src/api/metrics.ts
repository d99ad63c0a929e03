import { countWakingEndpoints } from '../store/endpoints.ts';
import type { Database } from '../store/database.ts';
import { countUnfinishedOperations } from '../store/operation-queue.ts';

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly (readonly [labels: string, value: number])[];
}

/** The metrics of this process and of the fleet, in the text format of Prometheus. */
export async function collectMetrics(db: Database): Promise<string> {
  const [operations, endpoints] = await Promise.all([
    countUnfinishedOperations(db),
    countWakingEndpoints(db),
  ]);
  const metrics: Metric[] = [
    ...processMetrics(),
    {
      name: 'pgfleet_operations',
      type: 'gauge',
      help: 'Operations by status, without the finished ones.',
      samples: operations.map(({ status, count }) => [`{status="${status}"}`, count]),
    },
    {
      name: 'pgfleet_endpoints',
      type: 'gauge',
      help: 'Endpoints by state, without the idle ones.',
      samples: endpoints.map(({ state, count }) => [`{state="${state}"}`, count]),
    },
  ];
  return metrics.map(format).join('');
}

function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const gauge = (name: string, help: string, value: number): Metric => ({
    name,
    type: 'gauge',
    help,
    samples: [['', value]],
  });
  return [
    gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
    gauge('process_uptime_seconds', 'Time since the start.', process.uptime()),
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'User and system time.',
      samples: [['', (user + system) / 1e6]],
    },
  ];
}

function format({ name, type, help, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
