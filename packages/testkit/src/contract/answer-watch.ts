import { keepAnswerCounts } from './answer-counts.ts';
import { AnswerJudge } from './answer-judge.ts';
import type { ApiAnswer } from './answer-judge.ts';
import { ownContract } from './own-contract.ts';
import { publishedContract } from './published-contract.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A directory for the counts of each test file. */
    answerCounts: string;
  }
}

/**
 * Collects what is wrong with the answers that tests get, whoever asked for them: measured by the
 * published contract and by pgfleet's own description of it.
 */
export class AnswerWatch {
  readonly #published = new AnswerJudge(publishedContract());
  readonly #own = new AnswerJudge(ownContract());
  readonly #problems: string[] = [];
  readonly #counts: Record<string, number> = {};

  note(answer: ApiAnswer): void {
    const { operationId, problems } = this.#published.judge(answer);
    const own = this.#own.judge(answer);
    const name = operationId ?? own.operationId ?? 'unknown addresses';
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
    const call = `${answer.method} ${answer.path} answered ${answer.status}`;
    this.#problems.push(
      ...problems.map((problem) => `${call}: ${problem}`),
      ...own.problems.map((problem) => `${call}: ${problem} (of pgfleet's own)`),
    );
  }

  /** Throws when an answer since the last call broke the contract. */
  failOnProblems(): void {
    const found = this.#problems.splice(0);
    if (found.length > 0) throw new Error(`answers break the contract:\n${found.join('\n')}`);
  }

  /** Adds to the counts of the run; see {@link keepAnswerCounts}. */
  keepCounts(directory: string | undefined): void {
    keepAnswerCounts(directory, this.#counts);
  }
}
