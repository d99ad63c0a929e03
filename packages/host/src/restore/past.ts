import type {
  PointInTime,
  ResolvedPoint,
  SchemaRequest,
  SchemaResponse,
  TimelineId,
  TimelineStatus,
  VerifyReport,
  VerifyRequest,
} from '@pgfleet/contract';
import { schemaAt } from './schema-at.ts';
import type { CopyParts } from './copy-parts.ts';
import { resolvePoint } from './resolve-point.ts';
import { timelineStatus } from './timeline-status.ts';
import { verifyTimeline } from './verify-timeline.ts';

/** Questions about the past of timelines, as the host API asks them. */
export class Past {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  status(timelineId: TimelineId): Promise<TimelineStatus> {
    return timelineStatus(this.#parts, timelineId);
  }

  resolve(timelineId: TimelineId, at: PointInTime): Promise<ResolvedPoint> {
    return resolvePoint(this.#parts, timelineId, at);
  }

  schema(timelineId: TimelineId, request: SchemaRequest): Promise<SchemaResponse> {
    return schemaAt(this.#parts, timelineId, request);
  }

  verify(timelineId: TimelineId, request: VerifyRequest): Promise<VerifyReport> {
    return verifyTimeline(this.#parts, timelineId, request);
  }
}
